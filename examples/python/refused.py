"""The README's program: one policy, one certificate, one report."""

from pathlib import Path

import uptls

runtime = uptls.Runtime(at="2026-11-23T00:00:00Z")
policy = uptls.UpstreamTlsPolicy.from_file("examples/refused/policy.yaml", runtime=runtime)
report = policy.verify(Path("examples/refused/chain.pem").read_bytes(), "payments.internal")
print(report.to_json())
