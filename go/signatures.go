package uptls

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // crypto.SHA256
	_ "crypto/sha512" // crypto.SHA384, crypto.SHA512
	"crypto/x509"
)

// algorithm verifies a signature of message by a subjectPublicKey (RFC 5280, 4.1).
type algorithm func(key, message, signature []byte) bool

// algorithms are those of wasm/src/provider/signatures.rs, in its order. ML-DSA (19 to 21) is not among them: Go 1.26 has no
// public package for it, so such a signature does not verify.
var algorithms = []algorithm{
	ecdsaOf(elliptic.P256(), crypto.SHA256),
	ecdsaOf(elliptic.P256(), crypto.SHA384),
	ecdsaOf(elliptic.P256(), crypto.SHA512),
	ecdsaOf(elliptic.P384(), crypto.SHA256),
	ecdsaOf(elliptic.P384(), crypto.SHA384),
	ecdsaOf(elliptic.P384(), crypto.SHA512),
	ecdsaOf(elliptic.P521(), crypto.SHA256),
	ecdsaOf(elliptic.P521(), crypto.SHA384),
	ecdsaOf(elliptic.P521(), crypto.SHA512),
	ed25519Signature,
	pssOf(crypto.SHA256),
	pssOf(crypto.SHA384),
	pssOf(crypto.SHA512),
	pkcs1Of(crypto.SHA256),
	pkcs1Of(crypto.SHA384),
	pkcs1Of(crypto.SHA512),
	// With absent parameters, which the module has told apart.
	pkcs1Of(crypto.SHA256),
	pkcs1Of(crypto.SHA384),
	pkcs1Of(crypto.SHA512),
}

// verifies refuses what it does not know.
func verifies(number uint32, key, message, signature []byte) bool {
	return uint64(number) < uint64(len(algorithms)) && algorithms[number](key, message, signature)
}

func digest(hash crypto.Hash, message []byte) []byte {
	running := hash.New()
	running.Write(message)
	return running.Sum(nil)
}

func ecdsaOf(curve elliptic.Curve, hash crypto.Hash) algorithm {
	return func(key, message, signature []byte) bool {
		public, ok := parsePoint(curve, key)
		return ok && ecdsa.VerifyASN1(public, digest(hash, message), signature)
	}
}

// parsePoint reads a point that is on the curve and not at infinity (SEC 1, 2.3.4).
func parsePoint(curve elliptic.Curve, point []byte) (*ecdsa.PublicKey, bool) {
	if len(point) > 0 && point[0] != 4 {
		x, y := elliptic.UnmarshalCompressed(curve, point)
		if x == nil {
			return nil, false
		}
		octets := (curve.Params().BitSize + 7) / 8
		uncompressed := make([]byte, 1+2*octets)
		uncompressed[0] = 4
		x.FillBytes(uncompressed[1 : 1+octets])
		y.FillBytes(uncompressed[1+octets:])
		point = uncompressed
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	return public, err == nil
}

func ed25519Signature(key, message, signature []byte) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, message, signature)
}

func pssOf(hash crypto.Hash) algorithm {
	return func(key, message, signature []byte) bool {
		public, ok := parseRSA(key)
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
		return ok && rsa.VerifyPSS(public, hash, digest(hash, message), signature, options) == nil
	}
}

func pkcs1Of(hash crypto.Hash) algorithm {
	return func(key, message, signature []byte) bool {
		public, ok := parseRSA(key)
		return ok && rsa.VerifyPKCS1v15(public, hash, digest(hash, message), signature) == nil
	}
}

func parseRSA(key []byte) (*rsa.PublicKey, bool) {
	public, err := x509.ParsePKCS1PublicKey(key)
	return public, err == nil && isRSASize(public)
}

// isRSASize says whether a modulus has the 2048 to 8192 bits that webpki's algorithms take.
func isRSASize(public *rsa.PublicKey) bool {
	bits := public.N.BitLen()
	return bits >= 2048 && bits <= 8192
}
