"""Content Credentials (C2PA): who signed a file, what they say of it, and whether that holds.

Signing is the last that happens to a file: the signature covers every byte but its own, the tags
and the recipe among them. It asks no host for anything, so that a signature carries no time but
its certificate's. The library reads strangers' files: what it is given is looked through before.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from lofigen_kit.audio import riff, tags
from lofigen_kit.audio.files import Format, detect_format
from lofigen_kit.errors import InputError, RenderError
from lofigen_kit.provenance.recipe import is_generated
from lofigen_kit.runtime.files import write_atomic
from lofigen_kit.runtime.version import installed_version

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateBuilder

CredentialsState = Literal["none", "trusted", "untrusted", "broken"]

REMEDY = "pip install 'lofigen-kit[c2pa]'"
MEDIA: dict[Format, str] = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg"}
MAX_CREDENTIALS_BYTES = 1 << 20
"""Of credentials; ours are of 4 kB. The library takes a chunk's size at its word, up to 4 GB."""
MAX_PEM_BYTES = 1 << 20
MAX_ACTIONS = 20

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_RECIPE = "lofigen-kit.recipe"
_SIGNED_FACTS = (
    "format", "disclosure", "audio_sha256", "audio_sha256_of", "network_sha256", "seed", "take",
    "licences",
)  # fmt: skip
_OFFLINE = {"remote_manifest_fetch": False, "ocsp_fetch": False}
_UNVOUCHED = "signingCredential.untrusted"
_LEFT_OUT = "assertion.dataHash.additionalExclusionsPresent"
_FAULTS = {
    "assertion.dataHash.mismatch": "the file is not the one that was signed",
    "assertion.hashedURI.mismatch": "what is said of the file was changed",
    "assertion.missing": "something that was said of the file is gone",
    "claim.hardBindings.missing": "it is not bound to the file's bytes",
    "claimSignature.mismatch": "the claim is not the one that was signed",
    "claimSignature.outsideValidity": "the certificate is out of date",
    "signingCredential.expired": "the certificate is out of date",
    "signingCredential.invalid": "the certificate is none for Content Credentials",
    _LEFT_OUT: "the signature leaves parts of the file out",
}
_EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4"
"""The purpose that a certificate for Content Credentials may have by any reader's rules."""
_VALID_DAYS = 3650


@dataclass(frozen=True)
class Credentials:
    """What a file's Content Credentials come to.

    Attributes:
        state: `trusted` by an anchor that was named, `untrusted` for a signature that holds, by a
            certificate that nobody here vouches for, `broken`, or `none`.
        signer: The name in the certificate; its word alone, unless it is trusted.
        says: What is said of the file: how it came to be.
        faults: What does not hold.
    """

    state: CredentialsState
    signer: str = ""
    says: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Identity:
    """Who signs.

    Attributes:
        certificate: A PEM file: the signer's certificate, then those that vouch for it.
        key: A PEM file: the private key.
    """

    certificate: Path
    key: Path

    def check(self, *formats: Format) -> None:
        """Refuse in time what could not be signed, or not with this.

        Raises:
            InputError: for OGG, without the library, or for a certificate and a key that do not go
                together or may not sign.
        """
        for name in formats:
            if name not in MEDIA:
                raise InputError(
                    f"{name.upper()} cannot hold Content Credentials",
                    remedy="write WAV, FLAC or MP3",
                )
        try:
            self._sign(_silence(), BytesIO(), "wav", _manifest("", "wav", "{}"))
        except _library().C2paError as error:
            raise InputError(
                f"the certificate and the key cannot be used ({error})",
                where=self.certificate,
                remedy="give a certificate for Content Credentials, and those that vouch for it",
            ) from None

    def sign_file(self, file: BinaryIO, *, path: Path, format: Format, comment: str) -> None:  # noqa: A002
        """Sign a finished file; credentials that it has are replaced.

        Args:
            file: All of it.
            path: Its name to be; beside it there is room for a temporary file.
            format: What it is.
            comment: The recipe in it.

        Raises:
            InputError: as `check` does.
            RenderError: if signing breaks.
        """
        with TemporaryFile(dir=path.parent) as signed:
            file.seek(0)
            try:
                self._sign(file, signed, format, _manifest(path.name, format, comment))
            except _library().C2paError as error:
                raise RenderError(f"signing failed ({error})", where=path) from None
            signed.seek(0)
            file.seek(0)
            shutil.copyfileobj(signed, file)
            file.truncate()

    def _sign(
        self, file: BinaryIO, signed: BinaryIO, kind: Format, manifest: dict[str, Any]
    ) -> None:
        c2pa = _library()
        certificate, key = _pem(self.certificate), _pem(self.key)
        algorithm = _algorithm(_certificates(certificate, self.certificate), key, self.key)
        settings = c2pa.Settings.from_dict({"verify": _OFFLINE})
        who = c2pa.C2paSignerInfo(algorithm, certificate, key, None)  # None: no host tells the time
        with (
            c2pa.Context(settings) as context,
            c2pa.Signer.from_info(who) as signer,
            c2pa.Builder(manifest, context) as builder,
        ):
            builder.sign(signer, MEDIA[kind], file, signed)


def _silence() -> BytesIO:
    """Return the shortest WAV file, to try a certificate on."""
    import wave

    file = BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(bytes(2))
    file.seek(0)
    return file


def sign(path: Path, identity: Identity, comment: str) -> None:
    """Sign a file that is there, and carries this recipe.

    Raises:
        InputError: if it cannot be signed.
        OSError: as the system says it; the file stays as it was.
    """
    from lofigen_kit.runtime.files import rewrite

    kind = detect_format(path)
    if kind not in MEDIA:
        raise InputError(
            "only WAV, FLAC and MP3 hold Content Credentials",
            where=path,
            remedy="render it into one of these",
        )
    rewrite(path, lambda file: identity.sign_file(file, path=path, format=kind, comment=comment))


def read(path: Path, *, anchors: Path | None = None) -> Credentials:
    """Return what a file's Content Credentials come to.

    Args:
        path: A sound file; not trusted.
        anchors: A PEM file of certificates that are trusted to vouch for signers.

    Raises:
        AudioError: if it is no sound file.
        InputError: if there is something to check and the library is not there, or the anchors
            are none.
    """
    kind = detect_format(path)
    if kind not in MEDIA:
        return Credentials("none")
    with path.open("rb") as file:
        try:
            size = _count_credentials_bytes(file, kind)
        except ValueError:
            return Credentials("broken", faults=("the file is damaged around them",))
        if not size:
            return Credentials("none")
        if size > MAX_CREDENTIALS_BYTES:
            return Credentials("broken", faults=(f"{size} bytes are more than a signature takes",))
        file.seek(0)
        return _validate_credentials(file, MEDIA[kind], anchors)


def _count_credentials_bytes(file: BinaryIO, kind: Format) -> int:
    if kind == "wav":
        return riff.count_chunk_bytes(file, b"C2PA")
    return tags.count_object_bytes(file, b"application/c2pa")


def _validate_credentials(file: BinaryIO, media: str, anchors: Path | None) -> Credentials:
    c2pa = _library()
    settings: dict[str, Any] = {"verify": _OFFLINE}
    if anchors:
        _certificates(_pem(anchors), anchors)
        settings["trust"] = {"user_anchors": _pem(anchors).decode("ascii", "replace")}
    try:
        with (
            c2pa.Context(c2pa.Settings.from_dict(settings)) as context,
            c2pa.Reader(media, file, context=context) as reader,
        ):
            told = json.loads(reader.json())
    except (c2pa.C2paError, ValueError) as error:
        return Credentials("broken", faults=(f"they cannot be read ({error})",))
    return _interpret_report(told)


def _interpret_report(told: dict[str, Any]) -> Credentials:
    """Return what the library's report comes to."""
    manifest = told.get("manifests", {}).get(told.get("active_manifest"), {})
    results = told.get("validation_results", {}).get("activeManifest", {})
    codes = [entry["code"] for entry in results.get("failure", [])]
    codes += [e["code"] for e in results.get("informational", []) if e["code"] == _LEFT_OUT]
    faults = tuple(_FAULTS.get(code, code) for code in codes if code != _UNVOUCHED)
    states: dict[object, CredentialsState] = {"Trusted": "trusted", "Valid": "untrusted"}
    state = states.get(told.get("validation_state"), "broken")
    who = manifest.get("signature_info", {})
    names = [str(who[key]) for key in ("common_name", "issuer") if who.get(key)]
    return Credentials(
        "broken" if faults else state,
        ", ".join(names) or "nobody by name",
        tuple(islice(_describe_actions(manifest), MAX_ACTIONS)),
        faults or (("they do not hold",) if state == "broken" else ()),
    )


def _describe_actions(manifest: dict[str, Any]) -> Iterator[str]:
    """Yield what a manifest says was done: `created, trainedAlgorithmicMedia, lofigen-kit 0.1`."""
    for action in _actions(manifest):
        agent = action.get("softwareAgent", "")
        if isinstance(agent, dict):
            agent = f"{agent.get('name', '')} {agent.get('version', '')}"
        kind = str(action.get("digitalSourceType", "")).rpartition("/")[2]
        deed = str(action.get("action", "")).removeprefix("c2pa.")
        yield ", ".join(part for part in (deed, kind, str(agent).strip()) if part)


def _actions(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the actions that are such; a stranger may have signed anything."""
    for assertion in manifest.get("assertions", []):
        data = assertion.get("data")
        if str(assertion.get("label", "")).startswith("c2pa.actions") and isinstance(data, dict):
            actions = data.get("actions")
            listed = actions if isinstance(actions, list) else []
            yield from (action for action in listed if isinstance(action, dict))


def _manifest(name: str, kind: Format, comment: str) -> dict[str, Any]:
    """Return what is signed: how the file came to be, and its recipe's hash and main facts."""
    facts = json.loads(comment)
    agent = {"name": "lofigen-kit", "version": installed_version()}
    told = {key: facts[key] for key in _SIGNED_FACTS if facts.get(key) is not None}
    told["recipe_sha256"] = hashlib.sha256(comment.encode()).hexdigest()
    actions, ingredients = _history(facts, agent)
    return {
        "claim_generator_info": [agent],
        "title": name,
        "format": MEDIA[kind],
        "ingredients": ingredients,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": _RECIPE, "data": told},
        ],
    }


def _history(
    facts: dict[str, Any], agent: dict[str, str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what was done, and what was there before.

    What a network played was created by it, whatever it followed. A recording that went through
    effects was edited, and what was generated before stays so. What is neither was composed by
    rules.
    """
    recording = _recording(facts)
    is_edited = recording is not None and not facts.get("network_sha256")
    kind = "algorithmicallyEnhanced" if is_edited else "algorithmicMedia"
    if is_generated(facts):
        kind = "trainedAlgorithmicMedia"
    made = {"digitalSourceType": _SOURCE_TYPES + kind, "softwareAgent": agent}
    if not is_edited:
        return [{"action": "c2pa.created", **made}], []
    before = {
        "title": recording,
        "relationship": "parentOf",
        "label": "recording",
        "description": f"a recording whose samples have the sha256 {facts.get('source_sha256')}",
    }
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["recording"]}}
    return [opened, {"action": "c2pa.edited", **made}], [before]


def _recording(facts: dict[str, Any]) -> str | None:
    """Return the name of the file that a recipe begins from, if it does."""
    place: Any = facts
    for key in ("preset", "source", "path"):
        place = place.get(key) if isinstance(place, dict) else None
    return Path(place).name if isinstance(place, str) else None


def make_identity(folder: Path, name: str, *, force: bool = False) -> Identity:
    """Make a certificate that nobody else vouches for, and its key, which only its owner may read.

    Files that are signed with it are valid and untrusted, but for those who are given
    `anchor.pem`. What signs the certificate is thrown away: it can vouch for no other.

    Args:
        folder: Where to; made if missing.
        name: Whose it is.
        force: Overwrite what is there.

    Raises:
        InputError: if files are there, the name is none, or the library is not there.
    """
    from lofigen_kit.runtime.files import check_free, explain_write_errors

    with _require_c2pa():
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    if not 1 <= len(name) <= 64:
        raise InputError("a certificate's name has 1 to 64 characters", where="--name")
    places = [folder / file for file in ("certificate.pem", "key.pem", "anchor.pem")]
    check_free(*places, force=force)
    authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    anchor = _certificate(f"{name} (anchor)", authority, f"{name} (anchor)", authority, ca=True)
    certificate = _certificate(name, own, f"{name} (anchor)", authority, ca=False)
    pem = serialization.Encoding.PEM
    secret = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        places[1].unlink(missing_ok=True)
        # No moment in which others may read it.
        with os.fdopen(os.open(places[1], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as k:
            k.write(secret)
        write_atomic(places[0], certificate.public_bytes(pem) + anchor.public_bytes(pem))
        write_atomic(places[2], anchor.public_bytes(pem))
    return Identity(places[0], places[1])


def _certificate(subject: str, key: Any, issuer: str, issuer_key: Any, *, ca: bool) -> Certificate:
    """Return a certificate as C2PA wants it: for signing alone, or for vouching alone."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    now = datetime.now(UTC)
    built: CertificateBuilder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks differ
        .not_valid_after(now + timedelta(days=_VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(_usage(ca=ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if not ca:
        purpose = x509.ExtendedKeyUsage([x509.ObjectIdentifier(_EMAIL_PROTECTION)])
        built = built.add_extension(purpose, critical=False)
    return built.sign(issuer_key, hashes.SHA256())


def _name(text: str) -> Any:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "self-made by lofigen-kit"),
            x509.NameAttribute(NameOID.COMMON_NAME, text),
        ]
    )


def _usage(*, ca: bool) -> Any:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _algorithm(certificates: list[Certificate], key: bytes, place: Path) -> str:
    """Return how a key signs, as C2PA names it; the certificate must be the key's.

    Raises:
        InputError: for a key that is none, has a password, or is another's.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    first = certificates[0]
    try:
        private = serialization.load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InputError("this is no private key in PEM without a password", where=place) from None
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != first.public_key().public_bytes(*form):
        raise InputError("the key is not that of the certificate", where=place)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        found = {256: "es256", 384: "es384", 521: "es512"}.get(private.key_size)
    elif isinstance(private, ed25519.Ed25519PrivateKey):
        found = "ed25519"
    else:
        found = "ps256" if isinstance(private, rsa.RSAPrivateKey) else None
    if found is None:
        raise InputError("a key of this kind signs no Content Credentials", where=place)
    return found


def _certificates(pem: bytes, place: Path) -> list[Certificate]:
    with _require_c2pa():
        from cryptography import x509
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise InputError("this is no certificate in PEM", where=place) from None


def _pem(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_PEM_BYTES)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=path) from None


@contextmanager
def _require_c2pa() -> Iterator[None]:
    try:
        yield
    except ImportError:
        raise InputError("Content Credentials need c2pa-python", remedy=REMEDY) from None


def _library() -> Any:
    with _require_c2pa():
        import c2pa
    return c2pa
