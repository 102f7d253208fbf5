"""Policies by keywords, of manifests, replaced, compared, pickled."""

import copy
import ipaddress
import json
import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization

import uptls
from loopback import HOST, Authority, document

if TYPE_CHECKING:
    from collections.abc import Callable

ut: Any = uptls  # for calls that a type checker would refuse


@pytest.fixture
def bundle(ca: Authority) -> uptls.TrustBundle:
    return uptls.TrustBundle.from_file(ca.file)


def made(bundle: uptls.TrustBundle, **keywords: Any) -> uptls.UpstreamTlsPolicy:
    return uptls.UpstreamTlsPolicy(ca=bundle, **{"server_name": HOST, **keywords})


def test_keywords_are_the_fields_of_a_document(ca: Authority, bundle: uptls.TrustBundle) -> None:
    leaf = ca.issue(HOST)
    fields = [
        "serverName: backend.test",
        (
            "subjectAltNames: [{dns: a.test}, {uri: 'urn:a'}, {ip: 10.0.0.1}, {spiffeTrustDomain: prod.test}, "
            "{spiffe: {trustDomain: prod.test, pathPrefix: /ns/pay}}]"
        ),
        f"identity: {{certificate: {{file: '{leaf.certificate}'}}, key: {{file: '{leaf.key}'}}}}",
        "alpn: {protocols: [h2, http/1.1], required: true}",
        "versions: {min: '1.3', max: '1.3'}",
        "cipherSuites: [TLS_AES_128_GCM_SHA256]",
        "groups: [X25519]",
        "spkiPins: ['47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=']",
        "resumption: false",
        "handshakeTimeout: 2500ms",
    ]
    names = [
        uptls.San.dns("a.test"),
        uptls.San.uri("urn:a"),
        uptls.San.ip(ipaddress.ip_address("10.0.0.1")),
        uptls.San.spiffe_trust_domain("prod.test"),
        uptls.San.spiffe("prod.test", "/ns/pay"),
    ]
    by_keywords = made(
        bundle,
        subject_alt_names=names,
        identity=uptls.ClientIdentity.from_files(leaf.certificate, leaf.key),
        alpn=["h2", "http/1.1"],
        alpn_required=True,
        min_version="1.3",
        max_version="1.3",
        cipher_suites=["TLS_AES_128_GCM_SHA256"],
        groups=["X25519"],
        spki_pins=["47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="],
        resumption=False,
        handshake_timeout=2.5,
    )
    by_document = uptls.UpstreamTlsPolicy.from_document(document(ca.file, *fields))
    assert by_keywords == by_document
    assert by_keywords.describe().sends == by_document.describe().sends
    changes: dict[str, Any] = {"alpn": ["h2"], "resumption": True, "groups": None, "subject_alt_names": names[:3]}
    for keyword, value in changes.items():
        assert by_keywords.replace(**{keyword: value}) != by_document, keyword


def test_material_in_memory_is_that_of_files(ca: Authority, bundle: uptls.TrustBundle) -> None:
    leaf = ca.issue(HOST)
    certificate, key = leaf.certificate.read_bytes(), leaf.key.read_bytes()
    files = made(bundle, identity=uptls.ClientIdentity.from_files(str(leaf.certificate), leaf.key))
    kinds: tuple[Any, ...] = (bytes, bytearray, bytes.decode)
    for kind in kinds:
        identity = uptls.ClientIdentity.from_pem(kind(certificate), kind(key))
        memory = made(uptls.TrustBundle.from_pem(kind(ca.pem), name="mine"), identity=identity)
        assert memory.fingerprint == files.fingerprint
        assert memory.describe().trusts.anchors[0].certificate.source.startswith("mine")


def test_bundles_add_up(ca: Authority, tmp_path: Path, bundle: uptls.TrustBundle) -> None:
    other = Authority(tmp_path, "Third CA")
    pins = uptls.TrustBundle.pinned_certificates(["ab" * 32])
    keys = uptls.TrustBundle.pinned_keys(["47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="])
    policy = uptls.UpstreamTlsPolicy(
        ca=[bundle, uptls.TrustBundle.from_file(other.file), uptls.TrustBundle.system("mozilla"), pins, keys],
        server_name=HOST,
    )
    trusts = policy.describe().trusts
    assert [anchor.certificate.subject for anchor in trusts.anchors] == [f"CN={ca.name}", "CN=Third CA"]
    assert trusts.system is not None
    assert trusts.system.roots
    assert trusts.pinned_certificates == ["sha256:" + "ab" * 32]
    assert len(trusts.pinned_keys) == 1
    assert uptls.UpstreamTlsPolicy(ca=bundle, server_name=HOST).describe().trusts.system is None


def test_a_bundle_vouches_for_its_trust_domain(ca: Authority, other_ca: Authority) -> None:
    names = [uptls.San.spiffe_trust_domain("a"), uptls.San.spiffe("b", "/ns/pay")]

    def policy(*bundles: uptls.TrustBundle) -> uptls.UpstreamTlsPolicy:
        return uptls.UpstreamTlsPolicy(ca=bundles, server_name="none", subject_alt_names=names)

    bundles = (
        uptls.TrustBundle.from_file(ca.file, trust_domain="a"),
        uptls.TrustBundle.from_pem(other_ca.pem, name="other", trust_domain="b"),
    )
    federated = policy(*bundles)
    assert [anchor.trust_domain for anchor in federated.describe().trusts.anchors] == ["a", "b"]
    for authority, wanted in [(ca, ["", "spiffe_trust_domain"]), (other_ca, ["spiffe_trust_domain", ""])]:
        leaves = [authority.issue(uri) for uri in ("spiffe://a/x", "spiffe://b/ns/pay/x")]
        reports = [federated.verify(leaf.certificate.read_bytes()) for leaf in leaves]
        assert [report.code or "" for report in reports] == wanted
    exchanged = policy(
        uptls.TrustBundle.from_file(ca.file, trust_domain="b"),
        uptls.TrustBundle.from_pem(other_ca.pem, trust_domain="a"),
    )
    assert exchanged != federated
    for flat in (uptls.TrustBundle.from_file(ca.file), uptls.TrustBundle.from_pem(ca.pem)):
        with pytest.raises(uptls.PolicyError, match="names no trustDomain"):
            policy(*bundles, flat)
    with pytest.raises(uptls.PolicyError, match="trust domain a"):
        policy(uptls.TrustBundle.from_file(ca.file, trust_domain="c"))
    assert [warning.code for warning in policy(bundles[0]).describe().warnings] == ["spiffe_id_unvouched"]
    assert not federated.describe().warnings


def test_the_roots_of_the_system_vouch_for_what_is_named() -> None:
    def policy(*bundles: uptls.TrustBundle) -> uptls.UpstreamTlsPolicy:
        names = [uptls.San.spiffe_trust_domain("a")]
        return uptls.UpstreamTlsPolicy(ca=bundles, server_name="none", subject_alt_names=names)

    named = uptls.TrustBundle.system("mozilla", trust_domain="a")
    system = policy(named, uptls.TrustBundle.system("mozilla")).describe().trusts.system
    assert system is not None
    assert system.trust_domain == "a"
    with pytest.raises(uptls.PolicyError, match="systemTrustDomain"):
        policy(uptls.TrustBundle.system("mozilla"))
    with pytest.raises(uptls.MisuseError, match="two trust domains"):
        policy(named, uptls.TrustBundle.system("mozilla", trust_domain="b"))


def test_trust_domains_and_paths_pickle(ca: Authority) -> None:
    bundle = uptls.TrustBundle.from_file(ca.file, trust_domain="a")
    assert repr(bundle) == f'TrustBundle.from_file({ca.file!r}, trust_domain="a")'
    system = uptls.TrustBundle.system("mozilla", trust_domain="a")
    name = uptls.San.spiffe("a", "/ns")
    assert repr(name) == 'San.spiffe("a", "/ns")'
    assert pickle.loads(pickle.dumps(name)) == name  # noqa: S301
    assert name not in (uptls.San.spiffe("a", "/ns2"), uptls.San.spiffe_trust_domain("a"))
    policy = uptls.UpstreamTlsPolicy(ca=[bundle, system], server_name="none", subject_alt_names=[name])
    again = pickle.loads(pickle.dumps(policy))  # noqa: S301
    assert again == policy
    assert [repr(one) for one in pickle.loads(pickle.dumps((bundle, system)))] == [repr(bundle), repr(system)]  # noqa: S301


@pytest.mark.parametrize(
    ("keywords", "code"),
    [
        ({"ca": None}, "trust_missing"),
        ({"ca": []}, "trust_missing"),
        ({"ca": uptls.TrustBundle.from_pem("no certificate here")}, "trust_bundle_empty"),
        (
            {"ca": uptls.TrustBundle.from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")},
            "trust_bundle_parse",
        ),
        ({"ca": uptls.TrustBundle.from_file("/nonexistent/ca.pem")}, "trust_unreadable"),
        ({"server_name": "not a name"}, "name_invalid"),
        ({"server_name": "none"}, "name_missing"),
        ({"subject_alt_names": [uptls.San.ip("300.1.1.1")]}, "policy_invalid"),
        ({"min_version": "1.1"}, "unsupported_option"),
        ({"min_version": "1.3", "max_version": "1.2"}, "policy_invalid"),
        ({"cipher_suites": ["TLS_NULL"]}, "unsupported_option"),
        ({"groups": ["P-512"]}, "unsupported_option"),
        ({"spki_pins": ["short"]}, "policy_invalid"),
        ({"alpn_required": True}, "policy_invalid"),
        ({"handshake_timeout": "soon"}, "policy_invalid"),
        (
            {"identity": uptls.ClientIdentity.from_files("/nonexistent/tls.crt", "/nonexistent/tls.key")},
            "identity_unreadable",
        ),
        ({"identity": uptls.ClientIdentity.from_pem("", "")}, "identity_parse"),
        ({"revocation": uptls.Revocation(["/nonexistent/ca.crl"])}, "crl_unreadable"),
        ({"revocation": uptls.Revocation([b"nothing"])}, "crl_parse"),
    ],
)
def test_what_cannot_be_used_is_a_policy_error(ca: Authority, keywords: dict[str, Any], code: str) -> None:
    with pytest.raises(uptls.PolicyError) as caught:
        uptls.UpstreamTlsPolicy(**{"ca": uptls.TrustBundle.from_file(ca.file), "server_name": HOST, **keywords})
    codes = [problem.code for problem in caught.value.report.errors]
    assert code in codes, (codes, caught.value)
    assert caught.value.code == codes[0]
    assert caught.value.hint


def test_everything_wrong_is_said_at_once(bundle: uptls.TrustBundle) -> None:
    with pytest.raises(uptls.PolicyError) as caught:
        made(bundle, min_version="1.4", spki_pins=["short"], name="two")
    assert [problem.path for problem in caught.value.report.errors] == ["spec.spkiPins[0]", "spec.versions.min"]
    assert caught.value.report.policy.name == "two"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda _: ut.UpstreamTlsPolicy(), "ca"),
        (lambda _: ut.UpstreamTlsPolicy("ca.pem"), "positional"),
        (lambda _: ut.UpstreamTlsPolicy(ca="ca.pem"), "ca must be a TrustBundle, or a sequence of them, not str"),
        (lambda _: ut.UpstreamTlsPolicy(ca=Path("ca.pem")), "not PosixPath"),
        (lambda _: ut.UpstreamTlsPolicy(ca=[b"pem"]), "not bytes"),
        (lambda b: made(b, cafile="x"), "there is no keyword"),
        (lambda b: made(b, server_name=b"a.test"), "server_name must be a str, not bytes"),
        (lambda b: made(b, server_name=7), "not int"),
        (lambda b: made(b, alpn="h2"), "alpn must be a sequence of str, not str"),
        (lambda b: made(b, alpn=b"h2"), "not bytes"),
        (lambda b: made(b, alpn=[b"h2"]), "not bytes"),
        (lambda b: made(b, alpn_required=1), "alpn_required must be a bool, not int"),
        (lambda b: made(b, resumption="no"), "resumption must be a bool, not str"),
        (lambda b: made(b, min_version=1.2), "min_version must be a str, not float"),
        (lambda b: made(b, subject_alt_names=["a.test"]), "sequence of San, not str"),
        (lambda b: made(b, subject_alt_names=uptls.San.dns("a.test")), "sequence of San, not San"),
        (lambda b: made(b, identity=("tls.crt", "tls.key")), "identity must be a ClientIdentity, not tuple"),
        (lambda b: made(b, revocation="ca.crl"), "revocation must be a Revocation, not str"),
        (lambda b: made(b, handshake_timeout=[1]), "handshake_timeout must be seconds"),
        (lambda b: made(b, name=b"x"), "name must be a str, not bytes"),
        (lambda b: made(b, runtime="now"), "runtime must be a Runtime, not str"),
        (lambda b: ut.UpstreamTlsPolicy.replace(made(b), runtime=uptls.Runtime()), "there is no keyword"),
        (lambda b: ut.UpstreamTlsPolicy.replace(made(b), b), "positional"),
        (lambda _: ut.TrustBundle.from_file(b"ca.pem"), "path must be a str or os.PathLike, not bytes"),
        (lambda _: ut.TrustBundle.from_file(None), "not NoneType"),
        (lambda _: ut.TrustBundle.from_pem(Path("ca.pem")), "expected str, bytes or bytearray"),
        (lambda _: ut.TrustBundle.pinned_keys("abc"), "digests must be a sequence of str, not str"),
        (lambda _: ut.TrustBundle(), "No constructor|cannot create"),
        (lambda _: ut.ClientIdentity.from_files("tls.crt"), "key"),
        (lambda _: ut.ClientIdentity.from_files(b"tls.crt", "tls.key"), "certificate must be"),
        (lambda _: ut.ClientIdentity.from_files("tls.crt", 7), "key must be"),
        (lambda _: ut.San.dns(b"a.test"), "str"),
        (lambda _: ut.San.ip(7), "address must be"),
        (lambda _: ut.Revocation("ca.crl"), "crls must be a sequence of paths or bytes, not str"),
        (lambda _: ut.Revocation([7]), "crls must be a str or os.PathLike, not int"),
    ],
)
def test_a_wrong_type_says_what_is_wanted(
    bundle: uptls.TrustBundle, call: "Callable[[Any], object]", text: str
) -> None:
    with pytest.raises(TypeError, match=text) as caught:
        call(bundle)
    assert not isinstance(caught.value, uptls.UptlsError)


@pytest.mark.parametrize("seconds", [0, -1, 0.0001, float("nan"), float("inf"), 1e300])
def test_a_timeout_without_meaning_is_misuse(bundle: uptls.TrustBundle, seconds: float) -> None:
    with pytest.raises((uptls.MisuseError, uptls.PolicyError)):
        made(bundle, handshake_timeout=seconds)
    assert made(bundle, handshake_timeout=0.001).describe().sends.handshake_timeout_ms == 1


def test_native_roots_are_where_the_runtime_says(ca: Authority, tmp_path: Path) -> None:
    def roots(*paths: Path) -> Any:
        runtime = uptls.Runtime(native_roots=paths, session_bytes=0)
        policy = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.system(), server_name=HOST, runtime=runtime)
        return policy.describe().trusts.system

    assert roots(ca.file).roots == 1
    (tmp_path / "other.pem").write_bytes(Authority(tmp_path, "Third CA").pem)
    assert roots(ca.file, tmp_path).roots == 2
    with pytest.raises(uptls.PolicyError):
        roots(tmp_path / "missing.pem")
    with pytest.raises(uptls.MisuseError, match="native_roots"):
        uptls.Runtime(native_roots=[])
    for wrong in ("ca.pem", b"ca.pem", [7], 7):
        with pytest.raises(TypeError, match="native_roots"):
            ut.Runtime(native_roots=wrong)


def test_der_is_not_pem() -> None:
    with pytest.raises(uptls.MisuseError, match="not text"):
        uptls.TrustBundle.from_pem(b"\x30\x82\x01\xff")
    with pytest.raises(uptls.MisuseError, match="store"):
        ut.TrustBundle.system("windows")
    with pytest.raises(uptls.MisuseError, match="two different stores"):
        uptls.UpstreamTlsPolicy(ca=[uptls.TrustBundle.system("native"), uptls.TrustBundle.system("mozilla")])


def test_replace_leaves_the_rest(ca: Authority, bundle: uptls.TrustBundle, tmp_path: Path) -> None:
    policy = made(bundle, alpn=["h2"], name="first")
    other = policy.replace(server_name="other.test", name="second")
    assert (policy.name, other.name) == ("first", "second")
    assert policy.describe().sends.server_name == HOST
    assert other.describe().sends.server_name == "other.test"
    assert other.describe().sends.alpn == ["h2"]
    assert other.replace(server_name=HOST) == policy
    assert other.replace(alpn=None).describe().sends.alpn == []
    # A document's folder is not where paths of Python begin.
    (tmp_path / "policy.yaml").write_text(document(Path(ca.file), "serverName: x.test"))
    loaded = uptls.UpstreamTlsPolicy.from_file(tmp_path / "policy.yaml")
    relative = uptls.TrustBundle.from_file(os.path.relpath(ca.file))
    assert loaded.replace(ca=relative, server_name=HOST, alpn=["h2"]) == policy
    with pytest.raises(uptls.PolicyError):
        loaded.replace(server_name="none")


def test_equal_policies_are_equal(ca: Authority, bundle: uptls.TrustBundle, tmp_path: Path) -> None:
    one, two = made(bundle), made(uptls.TrustBundle.from_pem(ca.pem))
    assert one == two
    assert hash(one) == hash(two)
    assert len({one, two, one.replace(alpn=["h2"])}) == 2
    assert one != made(uptls.TrustBundle.from_file(Authority(tmp_path, "Other CA").file))
    assert one != ut.San.dns(HOST)
    assert copy.copy(one) is one
    assert copy.deepcopy([one])[0] is one


def test_what_was_read_from_files_pickles_as_paths(ca: Authority, bundle: uptls.TrustBundle, tmp_path: Path) -> None:
    leaf = ca.issue(HOST)
    path = tmp_path / "policy.yaml"
    path.write_text(document(ca.file, "serverName: backend.test"))
    policies = [
        uptls.UpstreamTlsPolicy.from_file(path),
        made(bundle, identity=uptls.ClientIdentity.from_files(leaf.certificate, leaf.key), alpn=["h2"]),
        made(bundle, subject_alt_names=[uptls.San.dns("a.test")]).replace(name="second"),
    ]
    key = leaf.key.read_bytes().splitlines()[1]
    for policy in policies:
        pickled = pickle.dumps(policy)
        assert key not in pickled
        assert pickle.loads(pickled) == policy  # noqa: S301
    # It is the path: what is there now counts.
    path.write_text(document(ca.file, "serverName: other.test"))
    assert pickle.loads(pickle.dumps(policies[0])) != policies[0]  # noqa: S301


def test_what_was_passed_may_change(bundle: uptls.TrustBundle) -> None:
    alpn, names, bundles = ["h2"], [uptls.San.dns("a.test")], [bundle]
    pins = ["47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]
    bundles.append(uptls.TrustBundle.pinned_keys(pins))
    policy = uptls.UpstreamTlsPolicy(ca=bundles, alpn=alpn, subject_alt_names=names)
    lazy = uptls.UpstreamTlsPolicy(ca=iter(bundles), alpn=iter(alpn), subject_alt_names=iter(names))
    for passed in (alpn, names, bundles, pins):
        passed.clear()
    assert policy == lazy
    for one in (policy, lazy, policy.replace(alpn=iter(["h2"]))):
        assert pickle.loads(pickle.dumps(one)) == policy  # noqa: S301


def test_an_encrypted_key(ca: Authority, bundle: uptls.TrustBundle, tmp_path: Path) -> None:
    leaf = ca.issue("client.test")
    key = serialization.load_pem_private_key(leaf.key.read_bytes(), None)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_bytes(key.private_bytes(*form, serialization.BestAvailableEncryption(b"secret")))
    word = tmp_path / "passphrase"
    word.write_text("secret\n")
    plain = made(bundle, identity=uptls.ClientIdentity.from_files(leaf.certificate, leaf.key))
    by_file = uptls.ClientIdentity.from_files(leaf.certificate, encrypted, passphrase_file=word)
    assert made(bundle, identity=by_file) == plain
    assert pickle.loads(pickle.dumps(made(bundle, identity=by_file))) == plain  # noqa: S301
    certificate, raw = leaf.certificate.read_bytes(), encrypted.read_bytes()
    for right in (b"secret", "secret", bytearray(b"secret")):
        assert made(bundle, identity=uptls.ClientIdentity.from_pem(certificate, raw, passphrase=right)) == plain
    for wrong in (None, b"", "Secret"):
        with pytest.raises(uptls.PolicyError) as caught:
            made(bundle, identity=uptls.ClientIdentity.from_pem(certificate, raw, passphrase=wrong))
        assert caught.value.code == "identity_passphrase"
        assert "ecret" not in str(caught.value)


def test_what_is_in_memory_does_not_pickle(ca: Authority, bundle: uptls.TrustBundle) -> None:
    leaf = ca.issue(HOST)
    identity = uptls.ClientIdentity.from_pem(leaf.certificate.read_bytes(), leaf.key.read_bytes())
    for thing in (
        identity,
        made(bundle, identity=identity),
        made(bundle, identity=identity).replace(name="second"),
        uptls.TrustBundle.from_pem(ca.pem),
        uptls.UpstreamTlsPolicy.from_document(document(ca.file)),
        uptls.UpstreamTlsPolicy.from_document(document(ca.file)).replace(name="second"),
        made(bundle, runtime=uptls.Runtime()),
        made(bundle).connector,
        made(bundle).buffer(HOST),
    ):
        with pytest.raises(TypeError, match="cannot pickle") as caught:
            pickle.dumps(thing)
        assert "Buffer" in str(caught.value) or "Connector" in str(caught.value) or "files" in str(caught.value)


def test_nothing_shows_a_key(ca: Authority, bundle: uptls.TrustBundle) -> None:
    leaf = ca.issue(HOST)
    key = leaf.key.read_text()
    identity = uptls.ClientIdentity.from_pem(leaf.certificate.read_bytes(), key)
    policy = made(bundle, identity=identity, name="mine")
    line = key.splitlines()[1]
    for thing in (identity, policy, policy.connector, policy.describe(), policy.describe().to_json()):
        assert line not in f"{thing!r}{thing!s}"
    with pytest.raises(uptls.PolicyError) as caught:
        made(bundle, identity=uptls.ClientIdentity.from_pem(key, key))
    assert line not in f"{caught.value!r}{caught.value}{caught.value.report_json}{vars(caught.value)}"


def test_the_names_of_a_certificate() -> None:
    assert uptls.San.dns("a.test") == uptls.San.dns("a.test")
    assert uptls.San.dns("a.test") != uptls.San.uri("a.test")
    assert repr(uptls.San.ip("::1")) == 'San.ip("::1")'
    assert pickle.loads(pickle.dumps(uptls.San.uri("urn:a"))) == uptls.San.uri("urn:a")  # noqa: S301
    assert len({uptls.San.dns("a.test"), uptls.San.dns("a.test"), uptls.San.dns("b.test")}) == 2


def test_module_level_calls_are_the_methods(accepted: Any) -> None:
    policy = accepted.policy()
    assert uptls.verify(policy, accepted.chain, accepted.host).to_json() == accepted.report_json
    assert uptls.describe(policy).to_json() == policy.describe().to_json()
    assert uptls.describe(policy).to_dict()["policy"]["fingerprint"] == policy.fingerprint


MANIFESTS = """
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay-tls, namespace: shop}
spec:
  targetRefs: [{group: "", kind: Service, name: pay}]
  validation: {wellKnownCACertificates: System, hostname: pay.example}
"""


LEFT_OUT = """
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay-tls, namespace: shop}
spec:
  targetRefs: [{group: "", kind: Service, name: pay}]
  validation:
    hostname: pay.example
    caCertificateRefs:
    - {group: "", kind: ConfigMap, name: good}
    - {group: "", kind: ConfigMap, name: missing}
"""


def test_what_manifests_leave_out_is_logged_when_it_changes(tmp_path: Path, ca: Authority, caplog: Any) -> None:
    good = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "good", "namespace": "shop"}}
    (tmp_path / "good.yaml").write_text(json.dumps(good | {"data": {"ca.crt": ca.pem.decode()}}))

    def logged(text: str) -> list[str]:
        caplog.clear()
        (tmp_path / "pay.yaml").write_text(text)
        for _ in range(5):
            uptls.UpstreamTlsPolicy.from_manifests(tmp_path, "shop/pay:443")
        return list(caplog.messages)

    (line,) = logged(LEFT_OUT)
    assert line.startswith("left out: ")
    assert "missing" in line
    assert logged(LEFT_OUT) == []
    # The twins: nothing is left out, and the same once more.
    assert logged(LEFT_OUT.replace('    - {group: "", kind: ConfigMap, name: missing}\n', "")) == []
    assert logged(LEFT_OUT) == [line]


def test_manifests_give_a_backend_its_policy(tmp_path: Path) -> None:
    (tmp_path / "pay.yaml").write_text(MANIFESTS)
    policy = uptls.UpstreamTlsPolicy.from_manifests(tmp_path, "shop/pay:443")
    assert policy.describe().sends.server_name == "pay.example"
    assert policy == uptls.UpstreamTlsPolicy.from_manifests([str(tmp_path / "pay.yaml")], "shop/pay")
    assert pickle.loads(pickle.dumps(policy)) == policy  # noqa: S301
    with pytest.raises(uptls.PolicyError):
        uptls.UpstreamTlsPolicy.from_manifests(tmp_path, "shop/other:443")
    with pytest.raises(uptls.PolicyError, match="Gateway"):
        uptls.UpstreamTlsPolicy.from_manifests(tmp_path, "shop/pay:443", gateway="edge/public")
    no_paths: list[str] = []
    for arguments in ((no_paths, "shop/pay"), (tmp_path, "a/b/c/d"), (tmp_path, "shop/pay:0")):
        with pytest.raises(uptls.MisuseError):
            ut.UpstreamTlsPolicy.from_manifests(*arguments)
    for keywords in ({"gateway": "a/b/c"}, {"mode": "loose"}):
        with pytest.raises(uptls.MisuseError):
            ut.UpstreamTlsPolicy.from_manifests(tmp_path, "shop/pay", **keywords)
    with pytest.raises(TypeError):
        ut.UpstreamTlsPolicy.from_manifests(b"folder", "shop/pay")


def test_the_former_name_of_describe_warns(accepted: Any) -> None:
    policy = accepted.policy()
    with pytest.warns(DeprecationWarning, match="describe"):
        former = policy.explain()  # type: ignore[deprecated,unused-ignore]
    assert former.to_json() == policy.describe().to_json()
