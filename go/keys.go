package uptls

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
)

// keyring has the private keys that one policy was prepared with, by their public keys. They stay on this side: the module
// learns the public key alone.
type keyring struct{ signers map[string]crypto.Signer }

// How a private key is written, in the words of the module's import public_key.
const (
	formPKCS1 = 1
	formSEC1  = 2
	formPKCS8 = 8
)

// add parses a private key and gives its SubjectPublicKeyInfo.
func (ring *keyring) add(form uint32, der []byte) ([]byte, bool) {
	signer, ok := parseKey(form, der)
	if !ok {
		return nil, false
	}
	spki, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil, false
	}
	if ring.signers == nil {
		ring.signers = map[string]crypto.Signer{}
	}
	ring.signers[string(spki)] = signer
	return spki, true
}

// of is the key that belongs to a certificate.
func (ring *keyring) of(leaf *x509.Certificate) (crypto.Signer, bool) {
	spki, err := x509.MarshalPKIXPublicKey(leaf.PublicKey)
	if err != nil {
		return nil, false
	}
	signer, ok := ring.signers[string(spki)]
	return signer, ok
}

// parseKey reads the kinds of keys that the other faces take for an identity.
func parseKey(form uint32, der []byte) (crypto.Signer, bool) {
	var key any
	var err error
	switch form {
	case formPKCS1:
		key, err = x509.ParsePKCS1PrivateKey(der)
	case formSEC1:
		key, err = x509.ParseECPrivateKey(der)
	case formPKCS8:
		key, err = x509.ParsePKCS8PrivateKey(der)
	default:
		return nil, false
	}
	if err != nil {
		return nil, false
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, isRSASize(&key.PublicKey)
	case *ecdsa.PrivateKey:
		return key, key.Curve == elliptic.P256() || key.Curve == elliptic.P384() || key.Curve == elliptic.P521()
	case ed25519.PrivateKey:
		return key, true
	default:
		return nil, false
	}
}
