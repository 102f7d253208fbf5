"""The clients of the matrix, the servers that they meet, and the certificates of those."""
