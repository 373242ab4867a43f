"""What a file says of itself is checked, and whoever signs it vouches for every byte of it."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import c2pa
import mutagen.flac
import mutagen.id3
import numpy as np
import pytest

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import read_audio, read_comment, read_metadata, write_audio
from lofigen_kit.audio.hashing import hash_audio
from lofigen_kit.provenance import c2pa as credentials
from lofigen_kit.provenance.c2pa import Identity, make_identity

Run = Callable[..., tuple[int, str, str]]
Refused = Callable[..., str]

LOSSLESS = [("wav", 16), ("wav", 24), ("wav", 32), ("flac", 16), ("flac", 24)]
SIGNABLE = ["wav", "flac", "mp3"]


@pytest.fixture(scope="session")
def me(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("me"), "Jo Beat")


@pytest.fixture
def signing(me: Identity, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name certificate and key in the environment; give what vouches for them."""
    monkeypatch.setenv("LOFIGEN_C2PA_CERT", str(me.certificate))
    monkeypatch.setenv("LOFIGEN_C2PA_KEY", str(me.key))
    return me.certificate.with_name("anchor.pem")


def verified(run: Run, name: object, *options: object) -> tuple[int, dict[str, Any]]:
    code, out, err = run("verify", name, "--json", *options)
    assert err == ""
    (found,) = json.loads(out)
    return code, found


def faults(run: Run, name: object) -> list[str]:
    code, found = verified(run, name)
    assert code == 1
    assert found["credentials"]["state"] == "broken"
    return list(found["credentials"]["faults"])


def manifest_of(path: Path, media: str) -> dict[str, Any]:
    """Return what is signed, as the library reads it."""
    with path.open("rb") as file, c2pa.Context() as ctx, c2pa.Reader(media, file, context=ctx) as r:
        told = json.loads(r.json())
    return dict(told["manifests"][told["active_manifest"]])


def flipped(name: str, place: int, to: str) -> str:
    """Write a copy of a file with one bit of one byte changed."""
    data = bytearray(Path(name).read_bytes())
    data[place] ^= 1
    Path(to).write_bytes(data)
    return to


# The sound and the recipe.


@pytest.mark.parametrize(("file_format", "bit_depth"), LOSSLESS)
def test_one_changed_sample_is_found_anywhere(
    run: Run, preset_file: Path, file_format: Any, bit_depth: Any
) -> None:
    name, depth = f"a.{file_format}", f"output.bit_depth={bit_depth}"
    run("chain", "preset", preset_file, "-o", name, "--set", depth)
    code, found = verified(run, name)
    assert (code, found["holds"], found["sound"]) == (0, True, "as recorded")
    audio, step = read_audio(name), 2.0 ** (1 - min(bit_depth, 24))
    for channel, frame in ((0, 0), (1, audio.frames // 2), (0, audio.frames - 1)):
        samples = audio.samples.copy()
        samples[channel, frame] += step if samples[channel, frame] < 0 else -step
        changed = audio.with_samples(samples)
        write_audio(Path(f"b.{file_format}"), changed, format=file_format, bit_depth=bit_depth,
                    comment=read_comment(name) or "", rng=None, force=True)  # fmt: skip
        written = read_audio(f"b.{file_format}").samples
        assert np.count_nonzero(written != audio.samples) == 1
        code, found = verified(run, f"b.{file_format}")
        assert (code, found["holds"], found["sound"]) == (1, False, "changed")


def test_the_last_sample_of_a_file_of_16_bits_is_hashed_too(run: Run, preset_file: Path) -> None:
    run("chain", "preset", preset_file, "-o", "a.wav", "--set", "output.bit_depth=16")
    data = Path("a.wav").read_bytes()
    place = data.index(b"data")
    end = place + 8 + struct.unpack_from("<I", data, place + 4)[0]
    for place_of_low_byte in (place + 8, end - 2):
        code, found = verified(run, flipped("a.wav", place_of_low_byte, "b.wav"))
        assert (code, found["sound"]) == (1, "changed")


def test_a_verdict_for_people(run: Run, preset_file: Path, recording: Path) -> None:
    run("chain", "preset", preset_file, "-o", "a.wav")
    code, out, err = run("verify", "a.wav", recording)
    assert (code, err) == (0, "")
    lines = [line.strip() for line in out.splitlines()]
    assert lines[0] == "a.wav: valid: all checks passed"
    assert "disclosure  generated with AI by lofigen-kit" in lines
    assert "licences    source CC0-1.0, model CC0-1.0" in lines
    assert "sound       the samples match the recipe" in lines
    assert lines[-3:] == [f"{recording}: nothing to verify", "recipe     none",
                          "signature  none"]  # fmt: skip
    assert run("verify", "a.wav", "-q") == (0, "", "")


def test_exit_codes_of_several_files(run: Run, preset_file: Path) -> None:
    run("chain", "preset", preset_file, "-o", "a.wav")
    data = Path("a.wav").read_bytes()
    flipped("a.wav", data.index(b"data") + 1000, "b.wav")
    code, out, err = run("verify", "a.wav", preset_file, "--json")
    assert code == 2
    assert [found["holds"] for found in json.loads(out)] == [True, None]
    assert err == ("lofigen-kit: " + json.loads(out)[1]["error"] + "\n")
    code, out, _ = run("verify", preset_file, "b.wav", "a.wav")
    assert code == 1  # what does not hold is worse than what cannot be read
    assert [line for line in out.splitlines() if line[0] != " "] == [
        "b.wav: NOT VALID", "a.wav: valid: all checks passed",
    ]  # fmt: skip


def test_what_is_required_and_missing_fails(run: Run, preset_file: Path, recording: Path) -> None:
    run("chain", "preset", preset_file, "-o", "a.wav")
    assert verified(run, "a.wav", "--require", "recipe")[0] == 0
    code, out, _ = run("verify", "a.wav", "--require", "recipe", "--require", "signature")
    assert code == 1
    assert out.startswith("a.wav: MISSING: the file has no signature\n")
    _, found = verified(run, recording, "--require", "recipe", "--require", "signature")
    assert found["missing"] == ["recipe", "signature"]


def test_a_recipe_that_was_changed_is_found_by_replaying_it(run: Run, preset_file: Path) -> None:
    run("chain", "preset", preset_file, "-o", "a.wav")
    code, found = verified(run, "a.wav", "--replay")
    assert (code, found["replay"]["same"]) == (0, True)
    facts = json.loads(read_comment("a.wav") or "")
    facts["preset"]["seed"] += 1
    write_audio(Path("a.wav"), read_audio("a.wav"), format="wav", bit_depth=24,
                comment=json.dumps(facts), rng=None, force=True)  # fmt: skip
    assert verified(run, "a.wav")[0] == 0  # the hash in it still is that of the sound
    code, out, _ = run("verify", "a.wav", "--replay")
    assert code == 1
    assert "DIFFERENT (the samples in the file)" in out


def test_a_strangers_machine_code_is_not_run(run: Run) -> None:
    facts = {"format": "lofigen-kit recipe 1", "audio_sha256_of": "the samples before encoding",
             "preset": {"version": 1, "name": "evil", "source": {"use": "bursts"},
                        "effects": [{"use": "vst3", "path": "evil.vst3"}]}}  # fmt: skip
    write_audio(Path("a.wav"), AudioBuffer(np.zeros((1, 100)), 8_000), format="wav", bit_depth=16,
                comment=json.dumps(facts), rng=None)  # fmt: skip
    code, found = verified(run, "a.wav", "--replay")
    assert (code, found["holds"], found["replay"]) == (2, True, None)
    assert "runs a plugin of machine code (vst3)" in found["not_replayed"]


@pytest.mark.parametrize("text", ['{"format": "lofigen-kit recipe 1"}', "[" * 5000, "hello"])
def test_a_recipe_that_says_nothing_is_no_crash(run: Run, text: str) -> None:
    write_audio(Path("a.wav"), AudioBuffer(np.zeros((1, 100)), 8_000), format="wav", bit_depth=16,
                comment=text, rng=None)  # fmt: skip
    is_recipe = text.startswith("{")
    code, found = verified(run, "a.wav", "--replay")
    assert found["sound"] == ("changed" if is_recipe else "unknown")
    assert code == (1 if is_recipe else 0)


@pytest.mark.parametrize("file_format", ["mp3", "ogg"])
@pytest.mark.parametrize("command", ["chain", "process"])
def test_a_lossy_sound_is_encoded_again_to_see(
    run: Run, preset_file: Path, recording: Path, command: str, file_format: Any
) -> None:
    name, other = f"a.{file_format}", f"b.{file_format}"
    if command == "chain":
        run("chain", "preset", preset_file, "-o", name)
    else:
        run("process", recording, "-p", preset_file, "-o", name)
        Path("piano.wav").write_bytes(recording.read_bytes())
    code, found = verified(run, name, "--replay")
    assert (code, found["replay"]["same"], found["replay"]["changed_since"]) == (0, True, False)
    audio = read_audio(name)
    samples = audio.samples.copy()
    samples[0, audio.frames // 2] += 0.25
    write_audio(Path(other), audio.with_samples(samples), format=file_format, bit_depth=16,
                comment=read_comment(name) or "", rng=None)  # fmt: skip
    assert verified(run, other)[0] == 0
    code, found = verified(run, other, "--replay")
    assert (code, found["replay"]["same"], found["replay"]["changed_since"]) == (1, True, True)
    code, out, _ = run("chain", "replay", other)
    assert code == 1
    assert out.endswith("  the audio in the file was changed after it was rendered\n")


# The signature.


@pytest.mark.parametrize("file_format", SIGNABLE)
def test_a_signed_file_is_as_good_as_any_other(
    run: Run, preset_file: Path, signing: Path, file_format: str
) -> None:
    plain, name = f"plain.{file_format}", f"a.{file_format}"
    run("chain", "preset", preset_file, "-o", plain)
    assert run("chain", "preset", preset_file, "-o", name, "--sign")[0] == 0
    assert sorted(p.suffix for p in Path().iterdir()) == sorted([".json", f".{file_format}"] * 2)
    assert read_comment(name) == read_comment(plain)
    assert read_metadata(name) == read_metadata(plain)
    assert hash_audio(read_audio(name)) == hash_audio(read_audio(plain))
    assert run("chain", "replay", name)[0] == 0
    code, found = verified(run, name)
    assert (code, found["credentials"]["state"]) == (0, "untrusted")
    assert found["credentials"]["signer"] == "Jo Beat, self-made by lofigen-kit"
    code, found = verified(run, name, "--trust", signing, "--require", "signature")
    assert (code, found["credentials"]["state"]) == (0, "trusted")


@pytest.mark.usefixtures("signing")
def test_another_anchor_does_not_vouch(
    run: Run, refused: Refused, preset_file: Path, tmp_path: Path
) -> None:
    make_identity(tmp_path / "other", "Jo Beat")
    run("chain", "preset", preset_file, "-o", "a.wav", "--sign")
    _, found = verified(run, "a.wav", "--trust", tmp_path / "other/anchor.pem")
    assert found["credentials"]["state"] == "untrusted"
    line = refused("verify", "a.wav", "--trust", preset_file)
    assert line == f"{preset_file}: this is not a certificate in PEM"


@pytest.mark.usefixtures("signing")
@pytest.mark.parametrize("file_format", SIGNABLE)
def test_any_byte_that_changes_breaks_the_signature(
    run: Run, preset_file: Path, file_format: str
) -> None:
    name = f"a.{file_format}"
    run("chain", "preset", preset_file, "-o", name, "--sign")
    data = Path(name).read_bytes()
    for place in (data.index(b'"disclosure":"generated') + 15, 2 * len(data) // 3):
        found = faults(run, flipped(name, place, f"b.{file_format}"))
        assert found == ["the file was changed after it was signed"]
    statement = data.index(b"trainedAlgorithmicMedia")
    assert "a statement about the file was changed" in faults(
        run, flipped(name, statement, f"b.{file_format}")
    )


@pytest.mark.usefixtures("signing")
def test_a_lossy_sound_is_vouched_for_by_its_signature_alone(run: Run, preset_file: Path) -> None:
    run("chain", "preset", preset_file, "-o", "a.mp3")
    half = Path("a.mp3").stat().st_size // 2
    code, found = verified(run, flipped("a.mp3", half, "b.mp3"))
    assert (code, found["sound"]) == (0, "encoded")
    run("sign", "a.mp3")
    code, found = verified(run, flipped("a.mp3", half, "b.mp3"))
    assert (code, found["sound"]) == (1, "encoded")


@pytest.mark.usefixtures("signing")
def test_new_tags_break_the_signature(run: Run, preset_file: Path) -> None:
    run("chain", "preset", preset_file, "-o", "a.flac", "--sign")
    run("chain", "preset", preset_file, "-o", "b.mp3", "--sign")
    flac = mutagen.flac.FLAC("a.flac")
    flac["title"] = "mine"
    flac.save()
    tags = mutagen.id3.ID3("b.mp3")
    tags.add(mutagen.id3.TPE1(encoding=3, text="me"))
    tags.save()
    for name in ("a.flac", "b.mp3"):
        assert "the file was changed after it was signed" in faults(run, name)


@pytest.mark.usefixtures("signing")
def test_what_is_said_of_a_beat(run: Run, preset_file: Path) -> None:
    run("chain", "preset", preset_file, "-o", "a.wav", "--sign")
    manifest = manifest_of(Path("a.wav"), "audio/wav")
    said = {entry["label"]: entry["data"] for entry in manifest["assertions"]}
    (action,) = said["c2pa.actions.v2"]["actions"]
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"] == (
        "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    )
    assert action["softwareAgent"]["name"] == "lofigen-kit"
    facts = json.loads(read_comment("a.wav") or "")
    for key in ("disclosure", "audio_sha256", "network_sha256", "seed", "licences"):
        assert said["lofigen-kit.recipe"][key] == facts[key]
    run("chain", "preset", preset_file, "-o", "b.wav", "--sign", "--set", "model=null",
        "--set", "sampler=null")  # fmt: skip
    _, found = verified(run, "b.wav")
    assert found["credentials"]["says"][0].startswith("created, algorithmicMedia, lofigen-kit ")


def test_a_processed_recording_was_edited(
    run: Run, preset_file: Path, recording: Path, signing: Path
) -> None:
    assert run("process", recording, "-p", preset_file, "-o", "a.flac", "--sign")[0] == 0
    code, found = verified(run, "a.flac", "--trust", signing)
    assert (code, found["credentials"]["state"]) == (0, "trusted")
    opened, edited = found["credentials"]["says"]
    assert opened == "opened"
    assert edited.startswith("edited, algorithmicallyEnhanced, lofigen-kit ")
    (before,) = manifest_of(Path("a.flac"), "audio/flac")["ingredients"]
    assert (before["title"], before["relationship"]) == ("piano.wav", "parentOf")
    assert found["recipe"]["source_sha256"] in before["description"]


@pytest.mark.usefixtures("signing")
def test_what_was_generated_stays_so_when_it_is_processed(run: Run, preset_file: Path) -> None:
    run("chain", "preset", preset_file, "-o", "a.wav")
    run("process", "a.wav", "-p", preset_file, "-o", "b.wav")
    run("process", "b.wav", "-p", preset_file, "-o", "c.flac", "--sign")
    code, found = verified(run, "c.flac", "--replay")
    assert code == 0
    assert found["recipe"]["disclosure"] == (
        "generated with AI by lofigen-kit, processed by lofigen-kit"
    )
    assert found["credentials"]["says"][1].startswith("edited, trainedAlgorithmicMedia, ")


@pytest.mark.usefixtures("signing")
@pytest.mark.parametrize("preset", [None, 7, {"source": []}, {"source": {"path": 3}}])
def test_a_recipe_of_any_shape_is_signed_as_it_stands(run: Run, preset: object) -> None:
    audio = AudioBuffer(np.zeros((1, 8_000)), 8_000)
    facts = {"format": "lofigen-kit recipe 1", "preset": preset, "seed": [],
             "audio_sha256": hash_audio(audio)}  # fmt: skip
    write_audio(Path("a.wav"), audio, format="wav", bit_depth=16, comment=json.dumps(facts),
                rng=None)  # fmt: skip
    assert run("sign", "a.wav") == (0, "a.wav: signed\n", "")
    assert verified(run, "a.wav")[0] == 0


def test_workers_and_batches_sign(
    run: Run, preset_file: Path, recording: Path, signing: Path
) -> None:
    Path("in").mkdir()
    for name in ("a", "b"):
        Path(f"in/{name}.wav").write_bytes(recording.read_bytes())
    run("process", "in", "-p", preset_file, "-o", "out", "--sign", "--workers", 2)
    run("batch", preset_file, "-n", 2, "-o", "many", "--workers", 1, "--sign")
    files = [*Path("out").glob("*.wav"), *Path("many").rglob("*.wav")]
    assert len(files) == 4
    code, out, _ = run("verify", *files, "--require", "signature", "--trust", signing, "--json")
    assert code == 0
    assert {found["credentials"]["state"] for found in json.loads(out)} == {"trusted"}


# Signing what is there.


def test_a_file_that_is_there_is_signed_and_signed_anew(
    run: Run, refused: Refused, preset_file: Path, signing: Path
) -> None:
    run("chain", "preset", preset_file, "-o", "a.wav")
    before, labels = hash_audio(read_audio("a.wav")), read_metadata("a.wav")
    Path("a.wav").chmod(0o640)
    assert run("sign", "a.wav") == (0, "a.wav: signed\n", "")
    line = refused("sign", "a.wav")
    assert line == "a.wav: the file is signed already; replace the signature with --force"
    size = Path("a.wav").stat().st_size
    assert run("sign", "a.wav", "--force", "-q") == (0, "", "")
    assert Path("a.wav").stat().st_size == pytest.approx(size, abs=16)
    assert (hash_audio(read_audio("a.wav")), read_metadata("a.wav")) == (before, labels)
    if sys.platform != "win32":
        assert Path("a.wav").stat().st_mode & 0o777 == 0o640
    assert verified(run, "a.wav", "--trust", signing)[1]["credentials"]["state"] == "trusted"


@pytest.mark.usefixtures("signing")
def test_what_is_not_signed(run: Run, refused: Refused, preset_file: Path, recording: Path) -> None:
    assert "the file has no recipe" in refused("sign", recording)
    run("chain", "preset", preset_file, "-o", "a.wav")
    place = Path("a.wav").read_bytes().index(b"data") + 1000
    line = refused("sign", flipped("a.wav", place, "b.wav"))
    assert line == "b.wav: the samples do not match the recipe; render it again"
    run("chain", "preset", preset_file, "-o", "c.ogg")
    line = refused("sign", "c.ogg")
    assert line == (
        "c.ogg: only WAV, FLAC and MP3 can hold Content Credentials; render it in one of these "
        "formats"
    )
    line = refused("chain", "preset", preset_file, "-o", "d.ogg", "--sign")
    assert line == "OGG cannot hold Content Credentials; write WAV, FLAC or MP3"
    assert "there are no files to sign" in refused("sign")
    assert not Path("d.ogg").exists()


@pytest.mark.usefixtures("signing")
def test_signing_that_breaks_leaves_everything_as_it_was(
    run: Run, preset_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("chain", "preset", preset_file, "-o", "a.wav")
    before = {path: path.read_bytes() for path in Path().iterdir()}

    def breaks(_: object, _signer: object, _media: str, source: Any, signed: Any) -> None:
        if signed.write(source.read(1000)) == 1000:  # no trial of the certificate
            raise c2pa.C2paError("by the test")

    monkeypatch.setattr(c2pa.Builder, "sign", breaks)
    for command in (("sign", "a.wav"),
                    ("chain", "preset", preset_file, "-o", "b.wav", "--sign")):  # fmt: skip
        code, out, err = run(*command)
        assert (code, out) == (1, "")
        assert err == f"lofigen-kit: {command[1] if len(command) == 2 else 'b.wav'}: " + (
            "signing failed (by the test)\n"
        )
        assert {path: path.read_bytes() for path in Path().iterdir()} == before


# Certificates and keys.


def test_a_new_certificate_and_its_key(run: Run, refused: Refused, preset_file: Path) -> None:
    code, out, _ = run("sign", "--new-certificate", "me", "--name", "Jo")
    assert code == 0
    assert "signatures are valid, but others do not trust them" in out
    key = Path("me/key.pem")
    secret = key.read_text().splitlines()[1]
    assert secret not in out
    if sys.platform != "win32":
        assert key.stat().st_mode & 0o777 == 0o600
    options = ("--certificate", "me/certificate.pem", "--key", key)
    code, out, err = run("chain", "preset", preset_file, "-o", "a.wav", "--sign", *options)
    assert code == 0
    assert secret not in out + err + Path("a.json").read_text()
    assert secret.encode() not in Path("a.wav").read_bytes()
    assert verified(run, "a.wav", "--trust", "me/anchor.pem")[1]["credentials"]["state"] == (
        "trusted"
    )
    assert "the file is there already" in refused("sign", "--new-certificate", "me", "--name", "Jo")
    assert key.read_text().splitlines()[1] == secret
    assert "needs a name" in refused("sign", "--new-certificate", "you")


def test_a_certificate_and_key_that_do_not_go_together(
    refused: Refused,
    preset_file: Path,
    me: Identity,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sign = ("chain", "preset", preset_file, "-o", "a.wav", "--sign")
    for variable in ("LOFIGEN_C2PA_CERT", "LOFIGEN_C2PA_KEY"):
        monkeypatch.delenv(variable, raising=False)
    assert "signing needs a certificate and its key" in refused(*sign)
    other = make_identity(tmp_path / "other", "Other")
    for certificate, key, message in (
        (me.certificate, other.key, "the key does not match the certificate"),
        (me.certificate, preset_file, "this is not a private key in PEM without a password"),
        (me.certificate, me.certificate, "this is not a private key in PEM without a password"),
        (preset_file, me.key, "this is not a certificate in PEM"),
        (me.certificate, tmp_path / "nowhere", "cannot be read (No such file or directory)"),
    ):
        line = refused(*sign, "--certificate", certificate, "--key", key)
        assert line.endswith(message)
    assert not list(Path().iterdir())


def test_a_certificate_for_something_else_is_refused_before_anything_is_rendered(
    refused: Refused, preset_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "_EMAIL_PROTECTION", "1.3.6.1.5.5.7.3.1")  # a web server's
    server = make_identity(tmp_path / "server", "Jo")
    monkeypatch.setattr(credentials, "_VALID_DAYS", -1 / 48)
    old = make_identity(tmp_path / "old", "Jo")
    for identity in (server, old):
        options = ("--sign", "--certificate", identity.certificate, "--key", identity.key)
        line = refused("chain", "preset", preset_file, "-o", "a.wav", *options)
        assert "the certificate and the key cannot be used" in line
        assert len(line) < 800
    assert not list(Path().iterdir())


def test_a_certificate_that_is_out_of_date_breaks_its_signature() -> None:
    # As the library reports one that ran out after signing; it signs with none that has.
    codes = [{"code": "claimSignature.outsideValidity"}, {"code": "signingCredential.untrusted"}]
    report = {"validation_state": "Invalid",
              "validation_results": {"activeManifest": {"failure": codes}}}  # fmt: skip
    found = credentials._interpret_report(report)
    assert (found.state, found.faults) == (
        "broken",
        ("the certificate was not valid when the file was signed",),
    )


@pytest.mark.usefixtures("signing")
def test_without_the_library(
    run: Run, refused: Refused, preset_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("chain", "preset", preset_file, "-o", "a.wav", "--sign")
    run("chain", "preset", preset_file, "-o", "b.wav")
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert verified(run, "b.wav")[0] == 0
    need = "Content Credentials need c2pa-python; pip install 'lofigen-kit[c2pa]'"
    assert refused("verify", "a.wav") == need
    assert refused("sign", "b.wav") == need


# Hostile files.


def with_chunk(name: str, payload: bytes, claimed: int | None = None) -> bytes:
    """Return a WAV file with another C2PA chunk at its end."""
    data = Path(name).read_bytes()
    size = len(payload) if claimed is None else claimed
    chunk = b"C2PA" + struct.pack("<I", size) + payload
    return data[:4] + struct.pack("<I", len(data) + len(chunk) - 8) + data[8:] + chunk


@pytest.mark.parametrize("payload", [b"", b"x" * 5000, b"\0" * 64, b"\0\0\0\x08jumb" * 9000])
def test_credentials_that_are_garbage(run: Run, recording: Path, payload: bytes) -> None:
    Path("a.wav").write_bytes(with_chunk(str(recording), payload))
    code, found = verified(run, "a.wav")
    state = found["credentials"]["state"]
    assert (code, state) == ((1, "broken") if payload else (0, "none"))
    assert "\n" not in "".join(found["credentials"]["faults"])


@pytest.mark.parametrize("claimed", [5000, 2**31, 2**32 - 2])
def test_the_library_never_sees_a_size_that_is_a_lie(
    run: Run, recording: Path, claimed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "_import_c2pa", lambda: pytest.fail("it was asked"))
    Path("a.wav").write_bytes(with_chunk(str(recording), b"x" * 100, claimed))
    assert faults(run, "a.wav") == ["the file's structure is damaged"]
    Path("a.wav").write_bytes(
        with_chunk(str(recording), bytes(credentials.MAX_CREDENTIALS_BYTES + 2))
    )
    assert faults(run, "a.wav") == [
        f"{credentials.MAX_CREDENTIALS_BYTES + 2} bytes are too large for a signature"
    ]


def test_the_library_never_unpacks_a_tag(
    run: Run, preset_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("chain", "preset", preset_file, "-o", "a.mp3", "--set", "output.loop=false")
    monkeypatch.setattr(credentials, "_import_c2pa", lambda: pytest.fail("it was asked"))
    objects = b"\x03application/c2pa\0c2pa\0\0" + bytes(90)
    packed = b"TXXX" + bytes([0, 0, 0, 90, 0, 8]) + bytes(90)
    body = b"GEOB" + bytes([0, 0, 0, len(objects), 0, 0]) + objects + packed
    head = b"ID3\x04\0\0" + bytes([0, 0, len(body) >> 7, len(body) & 0x7F])
    Path("b.mp3").write_bytes(head + body + Path("a.mp3").read_bytes())
    assert faults(run, "b.mp3") == ["the file's structure is damaged"]


@pytest.mark.parametrize("actions", [None, 7, [7], [[]], [{"action": ["a"]}] * 30])
def test_a_stranger_may_sign_anything(actions: object) -> None:
    said = [{"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": "c2pa.actions", "data": [1]}, {}]  # fmt: skip
    report = {"manifests": {"a": {"assertions": said}}, "active_manifest": "a"}
    found = credentials._interpret_report({**report, "validation_state": "Valid"})
    assert found.state == "untrusted"
    assert found.signer == "no name"
    assert len(found.says) <= credentials.MAX_ACTIONS


@pytest.mark.usefixtures("signing")
def test_damaged_credentials_are_one_line_each(run: Run, preset_file: Path) -> None:
    run("chain", "preset", preset_file, "-o", "a.wav", "--sign")
    data = Path("a.wav").read_bytes()
    start, rng = data.index(b"C2PA") + 8, np.random.default_rng(5)
    states = set()
    for _ in range(60):
        damaged = bytearray(data)
        for place in rng.integers(start, len(data), 6):
            damaged[place] = rng.integers(256)
        Path("b.wav").write_bytes(damaged)
        code, out, err = run("verify", "b.wav")
        assert code in (0, 1)  # nothing covers the padding behind a signature
        assert err == ""
        states.add(out.partition("\n")[0])
    assert "b.wav: NOT VALID" in states
