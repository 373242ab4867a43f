"""Sign files with Content Credentials (C2PA), and check those of files.

A file is signed last: the signature covers all other bytes, including the tags and the recipe.
Signing needs no network, so a signature has no time stamp; only its certificate has dates. Files
to check are untrusted, so their structure is checked before the C2PA library reads them.
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
from lofigen_kit.audio.callbacks import raise_from_callbacks
from lofigen_kit.audio.decode import count_frames
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
"""The largest credentials that are read; the toolkit's have 4 kB. The library itself would
allocate whatever size a chunk claims, up to 4 GB."""
MAX_PEM_BYTES = 1 << 20
MAX_ACTIONS = 20

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_RECIPE = "lofigen-kit.recipe"
_SIGNED_FACTS = (
    "format", "disclosure", "audio_sha256", "audio_sha256_of", "network_sha256", "seed", "take",
    "licences",
)  # fmt: skip
_OFFLINE = {"remote_manifest_fetch": False, "ocsp_fetch": False}
_UNTRUSTED = "signingCredential.untrusted"
_EXTRA_EXCLUSIONS = "assertion.dataHash.additionalExclusionsPresent"
_FAULTS = {
    "assertion.dataHash.mismatch": "the file was changed after it was signed",
    "assertion.hashedURI.mismatch": "a statement about the file was changed",
    "assertion.missing": "a statement about the file is missing",
    "claim.hardBindings.missing": "the signature has no hash of the file's bytes",
    "claimSignature.mismatch": "the signed claim was changed",
    "claimSignature.outsideValidity": "the certificate was not valid when the file was signed",
    "signingCredential.expired": "the certificate has expired",
    "signingCredential.invalid": "the certificate is not one for Content Credentials",
    _EXTRA_EXCLUSIONS: "the signature leaves parts of the file out",
}
_EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4"
"""The extended key usage that all readers of Content Credentials accept."""
_VALID_DAYS = 3650


@dataclass(frozen=True)
class Credentials:
    """The result of checking a file's Content Credentials.

    Attributes:
        state: `trusted` for a valid signature certified by a given trust anchor, `untrusted` for a
            valid signature of another certificate, `broken`, or `none`.
        signer: The name in the certificate; not verified, unless the state is `trusted`.
        says: The signed statements on how the file was made.
        faults: Why the credentials are broken.
    """

    state: CredentialsState
    signer: str = ""
    says: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Identity:
    """The signer's certificate and private key.

    Attributes:
        certificate: A PEM file: the signer's certificate, then the chain that certifies it.
        key: A PEM file: the private key.
    """

    certificate: Path
    key: Path

    def check(self, *formats: Format) -> None:
        """Check before rendering that files of these formats can be signed.

        Raises:
            InputError: for OGG, without the library, or for a certificate and a key that do not
                match or cannot sign.
        """
        for name in formats:
            if name not in MEDIA:
                raise InputError(
                    f"{name.upper()} cannot hold Content Credentials",
                    remedy="write WAV, FLAC or MP3",
                )
        try:
            self._sign(_make_silence(), BytesIO(), "wav", _make_manifest("", "wav", "{}"))
        except _import_c2pa().C2paError as error:
            raise InputError(
                f"the certificate and the key cannot be used ({error})",
                where=self.certificate,
                remedy="give a certificate for Content Credentials, with its chain",
            ) from None

    def sign_file(self, file: BinaryIO, *, path: Path, format: Format, comment: str) -> None:  # noqa: A002
        """Sign a finished file; existing credentials are replaced.

        Args:
            file: The whole file.
            path: Its final name; a temporary file is written into the same folder.
            format: Its format.
            comment: The recipe in it.

        Raises:
            InputError: see `check`.
            RenderError: if signing fails.
        """
        with TemporaryFile(dir=path.parent) as signed:
            file.seek(0)
            try:
                self._sign(file, signed, format, _make_manifest(path.name, format, comment))
            except _import_c2pa().C2paError as error:
                raise RenderError(f"signing failed ({error})", where=path) from None
            signed.seek(0)
            file.seek(0)
            shutil.copyfileobj(signed, file)
            file.truncate()

    def _sign(
        self, file: BinaryIO, signed: BinaryIO, kind: Format, manifest: dict[str, Any]
    ) -> None:
        c2pa = _import_c2pa()
        certificate, key = _read_pem(self.certificate), _read_pem(self.key)
        algorithm = _choose_algorithm(
            _parse_certificates(certificate, self.certificate), key, self.key
        )
        settings = c2pa.Settings.from_dict({"verify": _OFFLINE})
        info = c2pa.C2paSignerInfo(algorithm, certificate, key, None)  # None: no time-stamp server
        with (
            c2pa.Context(settings) as context,
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(manifest, context) as builder,
            raise_from_callbacks(),
        ):
            builder.sign(signer, MEDIA[kind], file, signed)


def _make_silence() -> BytesIO:
    """Return a WAV file of one sample, to test a certificate."""
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
    """Sign an existing file that carries the given recipe.

    Raises:
        InputError: if it cannot be signed.
        OSError: if it cannot be written; the file is then unchanged.
    """
    from lofigen_kit.runtime.files import rewrite

    kind = detect_format(path)
    if kind not in MEDIA:
        raise InputError(
            "only WAV, FLAC and MP3 can hold Content Credentials",
            where=path,
            remedy="render it in one of these formats",
        )

    def change(file: BinaryIO) -> None:
        frames = count_frames(file)
        identity.sign_file(file, path=path, format=kind, comment=comment)
        if count_frames(file) != frames:
            raise RenderError("signing failed (some of the sound is lost)", where=path)

    rewrite(path, change)


def read(path: Path, *, anchors: Path | None = None) -> Credentials:
    """Read and check a file's Content Credentials.

    Args:
        path: An audio file; not trusted.
        anchors: A PEM file of trust anchors: certificates of trusted authorities.

    Raises:
        AudioError: if it is not an audio file.
        InputError: if the file has credentials and the library is not installed, or the anchors
            are not certificates.
    """
    kind = detect_format(path)
    if kind not in MEDIA:
        return Credentials("none")
    with path.open("rb") as file:
        try:
            size = _count_credentials_bytes(file, kind)
        except ValueError:
            return Credentials("broken", faults=("the file's structure is damaged",))
        if not size:
            return Credentials("none")
        if size > MAX_CREDENTIALS_BYTES:
            fault = f"{size} bytes are too large for a signature"
            return Credentials("broken", faults=(fault,))
        file.seek(0)
        return _validate_credentials(file, MEDIA[kind], anchors)


def _count_credentials_bytes(file: BinaryIO, kind: Format) -> int:
    if kind == "wav":
        return riff.count_chunk_bytes(file, b"C2PA")
    return tags.count_object_bytes(file, b"application/c2pa")


def _validate_credentials(file: BinaryIO, media: str, anchors: Path | None) -> Credentials:
    c2pa = _import_c2pa()
    settings: dict[str, Any] = {"verify": _OFFLINE}
    if anchors:
        _parse_certificates(_read_pem(anchors), anchors)
        settings["trust"] = {"user_anchors": _read_pem(anchors).decode("ascii", "replace")}
    try:
        with (
            c2pa.Context(c2pa.Settings.from_dict(settings)) as context,
            c2pa.Reader(media, file, context=context) as reader,
        ):
            report = json.loads(reader.json())
    except Exception as error:  # whatever a stranger's bytes bring about
        return Credentials("broken", faults=(f"the credentials cannot be read ({error})",))
    return _interpret_report(report)


def _interpret_report(report: dict[str, Any]) -> Credentials:
    """Return the credentials from the C2PA library's report."""
    manifest = report.get("manifests", {}).get(report.get("active_manifest"), {})
    results = report.get("validation_results", {}).get("activeManifest", {})
    codes = [entry["code"] for entry in results.get("failure", [])]
    codes += [e["code"] for e in results.get("informational", []) if e["code"] == _EXTRA_EXCLUSIONS]
    faults = tuple(_FAULTS.get(code, code) for code in codes if code != _UNTRUSTED)
    states: dict[object, CredentialsState] = {"Trusted": "trusted", "Valid": "untrusted"}
    state = states.get(report.get("validation_state"), "broken")
    info = manifest.get("signature_info", {})
    names = [str(info[key]) for key in ("common_name", "issuer") if info.get(key)]
    return Credentials(
        "broken" if faults else state,
        ", ".join(names) or "no name",
        tuple(islice(_describe_actions(manifest), MAX_ACTIONS)),
        faults or (("the credentials are not valid",) if state == "broken" else ()),
    )


def _describe_actions(manifest: dict[str, Any]) -> Iterator[str]:
    """Yield each action as text: `created, trainedAlgorithmicMedia, lofigen-kit 0.1`."""
    for action in _find_actions(manifest):
        agent = action.get("softwareAgent", "")
        if isinstance(agent, dict):
            agent = f"{agent.get('name', '')} {agent.get('version', '')}"
        kind = str(action.get("digitalSourceType", "")).rpartition("/")[2]
        name = str(action.get("action", "")).removeprefix("c2pa.")
        yield ", ".join(part for part in (name, kind, str(agent).strip()) if part)


def _find_actions(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the well-formed actions of an untrusted manifest."""
    for assertion in manifest.get("assertions", []):
        data = assertion.get("data")
        if str(assertion.get("label", "")).startswith("c2pa.actions") and isinstance(data, dict):
            actions = data.get("actions")
            listed = actions if isinstance(actions, list) else []
            yield from (action for action in listed if isinstance(action, dict))


def _make_manifest(name: str, kind: Format, comment: str) -> dict[str, Any]:
    """Return the statements to sign: how the file was made, its recipe's hash and main facts."""
    facts = json.loads(comment)
    agent = {"name": "lofigen-kit", "version": installed_version()}
    signed = {key: facts[key] for key in _SIGNED_FACTS if facts.get(key) is not None}
    signed["recipe_sha256"] = hashlib.sha256(comment.encode()).hexdigest()
    actions, ingredients = _make_history(facts, agent)
    return {
        "claim_generator_info": [agent],
        "title": name,
        "format": MEDIA[kind],
        "ingredients": ingredients,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": _RECIPE, "data": signed},
        ],
    }


def _make_history(
    facts: dict[str, Any], agent: dict[str, str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the actions of a manifest, and its ingredients.

    Audio that a network generated was created by it, whatever the source. A recording that effects
    processed was edited; if it was generated with AI before, it is still declared so. Any other
    audio was composed by rules.
    """
    recording = _find_recording_name(facts)
    is_edited = recording is not None and not facts.get("network_sha256")
    kind = "algorithmicallyEnhanced" if is_edited else "algorithmicMedia"
    if is_generated(facts):
        kind = "trainedAlgorithmicMedia"
    details = {"digitalSourceType": _SOURCE_TYPES + kind, "softwareAgent": agent}
    if not is_edited:
        return [{"action": "c2pa.created", **details}], []
    ingredient = {
        "title": recording,
        "relationship": "parentOf",
        "label": "recording",
        "description": f"a recording whose samples have the sha256 {facts.get('source_sha256')}",
    }
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["recording"]}}
    return [opened, {"action": "c2pa.edited", **details}], [ingredient]


def _find_recording_name(facts: dict[str, Any]) -> str | None:
    """Return the name of the file that is a recipe's source, or None."""
    value: Any = facts
    for key in ("preset", "source", "path"):
        value = value.get(key) if isinstance(value, dict) else None
    return Path(value).name if isinstance(value, str) else None


def make_identity(folder: Path, name: str, *, force: bool = False) -> Identity:
    """Create a self-issued certificate and its private key, which only its owner may read.

    Signatures made with it are valid but untrusted, except for people who trust `anchor.pem`. The
    key of the anchor is not kept, so it cannot certify anything else.

    Args:
        folder: The folder to write into; created if missing.
        name: The owner's name, 1 to 64 characters.
        force: Overwrite existing files.

    Raises:
        InputError: if files exist, the name is too short or long, or the library is not installed.
    """
    from lofigen_kit.runtime.files import check_free, explain_write_errors

    with _require_c2pa():
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    if not 1 <= len(name) <= 64:
        raise InputError("a certificate's name has 1 to 64 characters", where="--name")
    paths = [folder / file for file in ("certificate.pem", "key.pem", "anchor.pem")]
    check_free(*paths, force=force)
    authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = f"{name} (anchor)"
    anchor = _make_certificate(issuer, authority, issuer, authority, ca=True)
    certificate = _make_certificate(name, own, issuer, authority, ca=False)
    pem = serialization.Encoding.PEM
    secret = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        paths[1].unlink(missing_ok=True)
        # The file is created with its final mode, so that others can never read it.
        with os.fdopen(os.open(paths[1], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as k:
            k.write(secret)
        write_atomic(paths[0], certificate.public_bytes(pem) + anchor.public_bytes(pem))
        write_atomic(paths[2], anchor.public_bytes(pem))
    return Identity(paths[0], paths[1])


def _make_certificate(
    subject: str, key: Any, issuer: str, issuer_key: Any, *, ca: bool
) -> Certificate:
    """Return a certificate by C2PA's rules: either for signing, or for an authority."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    now = datetime.now(UTC)
    builder: CertificateBuilder = (
        x509.CertificateBuilder()
        .subject_name(_make_name(subject))
        .issuer_name(_make_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks differ
        .not_valid_after(now + timedelta(days=_VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(_make_key_usage(ca=ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if not ca:
        purpose = x509.ExtendedKeyUsage([x509.ObjectIdentifier(_EMAIL_PROTECTION)])
        builder = builder.add_extension(purpose, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _make_name(text: str) -> Any:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "self-made by lofigen-kit"),
            x509.NameAttribute(NameOID.COMMON_NAME, text),
        ]
    )


def _make_key_usage(*, ca: bool) -> Any:
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


def _choose_algorithm(certificates: list[Certificate], key: bytes, path: Path) -> str:
    """Return C2PA's name of a key's signature algorithm.

    Args:
        certificates: The certificates; the first must be that of the key.
        key: The private key, in PEM.
        path: The key's file, for messages.

    Raises:
        InputError: if the key is invalid, has a password, does not match the certificate, or is of
            a kind that C2PA does not allow.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    first = certificates[0]
    try:
        private = serialization.load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InputError(
            "this is not a private key in PEM without a password", where=path
        ) from None
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != first.public_key().public_bytes(*form):
        raise InputError("the key does not match the certificate", where=path)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        algorithm = {256: "es256", 384: "es384", 521: "es512"}.get(private.key_size)
    elif isinstance(private, ed25519.Ed25519PrivateKey):
        algorithm = "ed25519"
    else:
        algorithm = "ps256" if isinstance(private, rsa.RSAPrivateKey) else None
    if algorithm is None:
        raise InputError("a key of this kind cannot sign Content Credentials", where=path)
    return algorithm


def _parse_certificates(pem: bytes, path: Path) -> list[Certificate]:
    with _require_c2pa():
        from cryptography import x509
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise InputError("this is not a certificate in PEM", where=path) from None


def _read_pem(path: Path) -> bytes:
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


def _import_c2pa() -> Any:
    with _require_c2pa():
        import c2pa
    return c2pa
