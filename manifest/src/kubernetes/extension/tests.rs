//! Every field of every vendor, and its negative twin.
