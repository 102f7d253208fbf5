package uptls

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// Dialer makes connections that the policy has judged. It is safe for many goroutines.
type Dialer struct {
	// Net dials the transport. The zero value: net.Dialer's defaults.
	Net net.Dialer

	policy  *Policy
	mutex   sync.Mutex
	configs map[string]dialling
}

// dialling is how connections to one host are made.
type dialling struct {
	config  *tls.Config
	timeout time.Duration
}

// maxHosts bounds the configurations that are kept: a program that follows redirects meets any number of hosts.
const maxHosts = 1024

// Dialer gives a new dialer for this policy.
func (policy *Policy) Dialer() *Dialer {
	return &Dialer{policy: policy, configs: map[string]dialling{}}
}

// DialContext connects to address, host:port, and shakes hands with the host in it, within the policy's handshakeTimeout. The
// connection is a *tls.Conn whose peer the policy accepted.
func (dialer *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	how, err := dialer.dialling(host)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, how.timeout)
	defer cancel()
	transport, err := dialer.Net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	connection := tls.Client(transport, how.config.Clone())
	if err := connection.HandshakeContext(ctx); err != nil {
		transport.Close()
		return nil, err
	}
	return connection, nil
}

func (dialer *Dialer) dialling(host string) (dialling, error) {
	dialer.mutex.Lock()
	defer dialer.mutex.Unlock()
	if how, known := dialer.configs[host]; known {
		return how, nil
	}
	config, timeout, err := dialer.policy.config(host)
	if err != nil {
		return dialling{}, err
	}
	if len(dialer.configs) >= maxHosts {
		clear(dialer.configs)
	}
	how := dialling{config, timeout}
	dialer.configs[host] = how
	return how, nil
}

// Transport is for an http.Client: HTTP/2 where the policy's alpn has h2 and the peer selects it, else HTTP/1.1. It asks no
// proxy, and refuses plain http: a redirect cannot leave TLS. Each host is judged by the policy under its own name.
func (policy *Policy) Transport() *http.Transport {
	return &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("uptls: plain http is never sent: use https")
		},
		DialTLSContext:    policy.Dialer().DialContext,
		ForceAttemptHTTP2: true,
		IdleConnTimeout:   90 * time.Second,
		MaxIdleConns:      100,
	}
}
