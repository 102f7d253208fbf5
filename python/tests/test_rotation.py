"""The sequences of testdata/rotation by the calls of Python: after each step all is as the model says (L14)."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import uptls
from conftest import ROOT
from loopback import Authority

LINES = (ROOT / "testdata/rotation/sequences.txt").read_text().splitlines()


class Scene:
    """A connector, two documents, and their files."""

    def __init__(self, folder: Path, contents: list[Path]) -> None:
        self.folder = folder
        self.contents = contents
        self.runtime = uptls.Runtime()
        for name in ("one", "two", "never"):
            (folder / f"{name}.yaml").write_text(
                "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {name: rotation}\n"
                f"spec: {{trust: {{bundles: [{{file: {name}.pem}}]}}}}\n"
            )
        # Held, so that what was loaded once is not parsed again.
        self.policies: dict[int, uptls.UpstreamTlsPolicy] = {}
        for index, name in ((1, "one"), (0, "one"), (2, "two")):
            self.set(name, contents[index])
            self.policies[index] = self.load(name)
        self.known = {policy.fingerprint: str(index) for index, policy in self.policies.items()}
        assert len(self.known) == 3

    def load(self, name: str) -> uptls.UpstreamTlsPolicy:
        return uptls.UpstreamTlsPolicy.from_file(self.folder / f"{name}.yaml", runtime=self.runtime)

    def set(self, name: str, content: Path | None) -> None:
        path = self.folder / f"{name}.pem"
        if path.is_dir():
            path.rmdir()
        path.unlink(missing_ok=True)
        if content:
            shutil.copy(content, path)

    def begin(self, on_invalid: str) -> None:
        self.set("one", self.contents[0])
        self.set("two", self.contents[2])
        self.connector = uptls.Connector(self.policies[0], on_invalid=on_invalid)  # type: ignore[arg-type]

    def update(self, name: str) -> None:
        try:
            policy = self.load(name)
        except uptls.PolicyError as error:
            self.connector.refuse(error)
        else:
            assert self.connector.update(policy) == self.connector.generation

    def put_a_folder(self) -> None:
        self.set("one", None)
        (self.folder / "one.pem").mkdir()

    def act(self, word: str) -> None:
        acts: dict[str, Any] = {
            "withdraw": self.connector.withdraw,
            "first": lambda: self.set("one", self.contents[0]),
            "renewed": lambda: self.set("one", self.contents[1]),
            "folder": self.put_a_folder,
            "gone": lambda: self.set("one", None),
            "second": lambda: self.set("two", None if (self.folder / "two.pem").exists() else self.contents[2]),
            # Its thread reads before it hears that it is to end.
            "look": lambda: self.connector.watch().close(),
        }
        acts.get(word, lambda: self.update(word))()

    def seen(self) -> str:
        policy = self.connector.policy
        content = "-" if policy is None else self.known[policy.fingerprint]
        return f"{self.connector.state}/{self.connector.generation}/{content}"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    pems = []
    for name in ("first", "renewed", "second"):
        folder = tmp_path / f"ca-{name}"
        folder.mkdir()
        pems.append(Authority(folder, name).file)
    return Scene(tmp_path, pems)


def difference(scene: Scene, line: str) -> str | None:
    """The first step at which the connector and the line differ."""
    on_invalid, *words = line.split()
    scene.begin(on_invalid)
    for word, wanted in zip(words[::2], words[1::2], strict=True):
        scene.act(word)
        if (seen := scene.seen()) != wanted:
            return f"after {word}: seen {seen}, wanted {wanted}, in: {line}"
    return None


@pytest.mark.parametrize("on_invalid", ["keep_last_good", "fail_closed"])
def test_every_sequence_is_as_the_model_says(scene: Scene, on_invalid: str) -> None:
    lines = [line for line in LINES if line.startswith(on_invalid)]
    assert len(lines) == 1200
    assert [found for line in lines if (found := difference(scene, line))] == []


@pytest.mark.parametrize(
    "line",
    [
        # Refused is nothing, a watch ends it, an update is new, a file is not read, nobody withdrew.
        "keep_last_good never ready/1/0",
        "keep_last_good never degraded/1/0 look ready/1/0",
        "keep_last_good one ready/2/0",
        "keep_last_good renewed ready/1/0 look ready/2/0",
        "fail_closed gone ready/1/0 look not_ready/1/0",
        "fail_closed withdraw withdrawn/1/- look ready/1/0",
    ],
)
def test_what_the_model_does_not_say_differs(scene: Scene, line: str) -> None:
    assert "wanted" in (difference(scene, line) or "")
