package uptls

import (
	"context"
	"errors"
	"net"
	"net/http"
)

// Dialer makes verified connections; net/http takes DialContext as its DialTLSContext.
type Dialer struct {
	Connector *Connector
	// Host is the backend host, that the policy may judge by. Empty: that of the address.
	Host string
	// Address is where the socket goes, HOST:PORT. Empty: to the address that is dialled.
	Address string
	// ALPN is what is offered of the policy's protocols. Empty: all of them.
	ALPN []string
	// Net makes the sockets.
	Net net.Dialer
}

// DialContext connects, and verifies the peer before it returns.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// Dial is DialContext with the type of its result.
func (d *Dialer) Dial(ctx context.Context, network, address string) (*Conn, error) {
	host := d.Host
	if host == "" {
		var err error
		if host, _, err = net.SplitHostPort(address); err != nil {
			return nil, err
		}
	}
	if d.Address != "" {
		address = d.Address
	}
	transport, err := d.Net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn, err := d.Connector.Client(transport, host, d.ALPN...)
	if err != nil {
		transport.Close()
		return nil, err
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// Transport speaks HTTP/2 where the peer selects h2, and HTTP/1.1 else.
//
// net/http turns HTTP/2 off for a client with its own DialTLSContext, so Protocols turns it on again. Then it asks each
// connection for its ConnectionState, and speaks what that says was negotiated: from Go 1.27 on, of every type of
// connection. Plain HTTP is refused, and no environment variable can put a proxy in between.
func (d *Dialer) Transport() *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	return &http.Transport{
		DialTLSContext: d.DialContext,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("uptls: plain HTTP is refused: use https")
		},
		Protocols: &protocols,
	}
}
