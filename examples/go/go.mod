module github.com/uptls/uptls/examples/go

// From 1.27 on, net/http asks a connection that is none of crypto/tls for its ConnectionState, and speaks HTTP/2 over it.
go 1.27
