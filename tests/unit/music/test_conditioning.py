from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lofigen_kit.errors import CheckpointError
from lofigen_kit.music.conditioning import (
    INSTRUMENT_LEVEL,
    channel_names,
    excite_noise,
    iterate_conditioning,
    render_conditioning,
)
from lofigen_kit.music.excitation import PULSE_LEVEL
from lofigen_kit.music.mix_channels import CHANNELS
from lofigen_kit.music.score import Hit, Note, Part, Score

RATE = 8000


def score(*, loop: bool = True) -> Score:
    return Score(
        tempo_bpm=120,
        bars=1,
        duration_s=2.0,
        loop=loop,
        parts=(Part(name="drums", kind="percussive", instrument="jazz"),),
        notes=(
            Note(part="chords", midi=69, onset_s=0.5, duration_s=1.0, velocity=0.8),
            Note(part="bass", midi=45, onset_s=1.8, duration_s=0.4, velocity=0.8),
        ),
        hits=(Hit(drum="kick", onset_s=0.25, velocity=1.0),),
    )


def channel(name: str, *, start: int = 0, frames: int = 2 * RATE, loop: bool = True) -> np.ndarray:
    guide = render_conditioning(
        score(loop=loop), (name,), start=start, frames=frames, sample_rate_hz=RATE
    )
    assert guide.dtype == np.float32
    return np.asarray(guide[0])


def test_a_stroke_begins_on_its_sample_and_decays() -> None:
    kick = channel("kick.slow")
    assert np.flatnonzero(kick)[0] == 0.25 * RATE
    assert kick[2000] == pytest.approx(1.0)
    assert kick[2000 + round(0.12 * RATE)] == pytest.approx(np.exp(-1), abs=1e-3)


@pytest.mark.parametrize("onset_s", [0.25, 0.25003125, 0.25009, 0.0])
def test_a_pulse_stands_at_its_stroke_between_the_samples(onset_s: float) -> None:
    song = score().model_copy(update={"hits": (Hit(drum="kick", onset_s=onset_s, velocity=0.5),)})
    pulse = render_conditioning(song, ("kick.pulse",), start=0, frames=4000, sample_rate_hz=RATE)[0]
    assert pulse.sum() == pytest.approx(PULSE_LEVEL * 0.5)
    assert pulse @ np.arange(4000) / pulse.sum() == pytest.approx(onset_s * RATE, abs=1e-3)
    assert np.count_nonzero(pulse) <= 2


def test_excitation_has_the_pitch_of_its_note() -> None:
    tone = channel("chords.sin")[4000:12000]
    assert np.fft.rfftfreq(8000, 1 / RATE)[np.abs(np.fft.rfft(tone)).argmax()] == 440


def test_sine_and_cosine_are_the_same_note_a_quarter_turn_apart() -> None:
    sine, cosine, level = (channel(f"chords.{wave}") for wave in ("sin", "cos", "env"))
    np.testing.assert_allclose(np.hypot(sine, cosine), level, atol=1e-6)


def test_a_harmonic_is_its_notes_multiple_fades_sooner_and_never_aliases() -> None:
    third = channel("chords.sin3")[4000:12000]
    assert np.fft.rfftfreq(8000, 1 / RATE)[np.abs(np.fft.rfft(third)).argmax()] == 1320
    level = channel("chords.env")[4000:12000]
    np.testing.assert_array_less(np.abs(third), level * np.exp(-np.arange(8000) / 2000) + 1e-6)
    high = Note(part="chords", midi=96, onset_s=0.0, duration_s=1.0)  # 2093 Hz
    song = score().model_copy(update={"notes": (high,)})
    two = render_conditioning(song, ("chords.sin2",), start=0, frames=RATE, sample_rate_hz=RATE)
    assert not two.any()


def test_a_loop_rings_into_its_own_beginning() -> None:
    level = channel("bass.env")
    assert level[0] > 0.1
    assert level[round(0.3 * RATE)] == 0
    assert channel("bass.env", loop=False)[0] == 0


@given(start=st.integers(-40_000, 40_000), frames=st.integers(1, 5_000))
def test_a_loop_is_the_same_wherever_it_is_cut(start: int, frames: int) -> None:
    whole = render_conditioning(score(), CHANNELS, start=0, frames=2 * RATE, sample_rate_hz=RATE)
    piece = render_conditioning(score(), CHANNELS, start=start, frames=frames, sample_rate_hz=RATE)
    np.testing.assert_array_equal(piece, whole[:, np.arange(start, start + frames) % (2 * RATE)])


@given(start=st.integers(-4_000, 12_000), frames=st.integers(1, 5_000))
def test_a_recording_is_silent_before_it_begins(start: int, frames: int) -> None:
    whole = render_conditioning(
        score(loop=False), CHANNELS, start=0, frames=17_000, sample_rate_hz=RATE
    )
    piece = render_conditioning(
        score(loop=False), CHANNELS, start=start, frames=frames, sample_rate_hz=RATE
    )
    before = min(max(-start, 0), frames)
    assert not piece[:, :before].any()
    first = max(start, 0)
    np.testing.assert_array_equal(piece[:, before:], whole[:, first : first + frames - before])


DUSTY = Part(name="drums", kind="percussive", instrument="dusty")


def test_instruments_are_channels_of_their_own() -> None:
    names = channel_names([score(), score().model_copy(update={"parts": (DUSTY,)})])
    assert names == (*CHANNELS, "plays.kit:dusty", "plays.kit:jazz")
    assert set(channel("plays.kit:jazz")) == {np.float32(INSTRUMENT_LEVEL)}
    assert set(channel("plays.kit:dusty")) == {np.float32(0)}


def test_a_channel_from_the_future_is_named() -> None:
    with pytest.raises(CheckpointError, match=r"'cowbell\.fast'"):
        channel("cowbell.fast")


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 50),
    loop=st.booleans(),
    start=st.integers(-9000, 30_000),
    frames=st.integers(1, 40_000),
    cut=st.integers(1, 39_999),
)
def test_a_guide_is_the_same_in_pieces_and_where_it_goes_round(
    *, seed: int, loop: bool, start: int, frames: int, cut: int
) -> None:
    rng = np.random.default_rng(seed)
    bars_s = 2.0
    piece = Score(
        tempo_bpm=120, bars=1, duration_s=bars_s, loop=loop,
        notes=tuple(
            Note(part="keys", midi=float(rng.integers(30, 90)), onset_s=float(at),
                 duration_s=float(rng.uniform(0.05, 3.0)))
            for at in rng.uniform(0, bars_s, 5)
        ),
        hits=tuple(
            Hit(drum=drum, onset_s=float(at))
            for drum, at in zip(("kick", "snare", "ride"), rng.uniform(0, bars_s, 3), strict=True)
        ),
    )  # fmt: skip
    names = ("note.sin", "note.pulse", "kick.decay@120ms", "ride.decay@300ms", "chords.cos",
             "kick.sin@45Hz+210ms", "snare.pulse@90ms", "plays.kit:jazz")  # fmt: skip
    whole = render_conditioning(piece, names, start=start, frames=frames, sample_rate_hz=RATE)
    first = min(cut, frames)
    parts = [
        render_conditioning(piece, names, start=start, frames=first, sample_rate_hz=RATE),
        render_conditioning(
            piece, names, start=start + first, frames=frames - first, sample_rate_hz=RATE
        ),
    ]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    pieces = iterate_conditioning(piece, names, start=start, frames=frames, sample_rate_hz=RATE)
    np.testing.assert_array_equal(np.concatenate(list(pieces), axis=1), whole)
    if loop:
        period = round(bars_s * RATE)
        again = render_conditioning(
            piece, names, start=start + 3 * period, frames=frames, sample_rate_hz=RATE
        )
        np.testing.assert_array_equal(again, whole)
    else:
        assert not whole[:, : max(0, -start)].any()


NOISY = ("hat.decay@50ms", "hat.noise@50ms", "note.env", "note.noise", "note.sin")


def _excite(noise: np.random.Generator | np.ndarray, sizes: list[int]) -> np.ndarray:
    piece = score(loop=False).model_copy(update={"hits": (Hit(drum="hat", onset_s=0.25),)})
    guide = render_conditioning(piece, NOISY, start=0, frames=sum(sizes), sample_rate_hz=RATE)
    pieces = np.split(guide, np.cumsum(sizes)[:-1], axis=1)
    return np.concatenate(list(excite_noise(pieces, NOISY, noise)), axis=1)


def test_noise_lies_under_the_envelopes_of_strokes_and_notes_alone() -> None:
    guide = dict(zip(NOISY, _excite(np.random.default_rng(1), [2 * RATE]), strict=True))
    bare = render_conditioning(
        score(loop=False), ("note.sin",), start=0, frames=2 * RATE, sample_rate_hz=RATE
    )
    np.testing.assert_array_equal(guide["note.sin"], bare[0])
    for envelope, noise in (("hat.decay@50ms", "hat.noise@50ms"), ("note.env", "note.noise")):
        heard = guide[envelope] > 0.02
        white = guide[noise][heard] / guide[envelope][heard]
        assert white.std() == pytest.approx(1.0, abs=0.1)
        assert abs(np.corrcoef(white[1:], white[:-1])[0, 1]) < 0.1
        assert not guide[noise][guide[envelope] == 0.0].any()


def test_noise_is_the_same_however_a_guide_is_cut() -> None:
    whole = _excite(np.random.default_rng(3), [9000])
    for sizes in ([1, 8999], [3000, 1, 2999, 3000], [17] * 529 + [7]):
        np.testing.assert_array_equal(_excite(np.random.default_rng(3), sizes), whole)
    given_noise = np.random.default_rng(3).standard_normal(9000, dtype=np.float32)
    np.testing.assert_array_equal(_excite(given_noise, [4000, 5000]), whole)
    assert (_excite(np.random.default_rng(4), [9000]) != whole).any()
