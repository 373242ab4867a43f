from __future__ import annotations

import numpy as np
import pytest

from lofigen_kit.dsp.additive import CONTROL_FRAMES, render_harmonics, render_modes

RATE_HZ = 44_100


def test_modes_are_decaying_sines() -> None:
    frequencies_hz, decays_s = np.array([110.0, 443.3, 2000.7]), np.array([2.0, 0.7, 0.1])
    amplitudes = np.array([1.0, -0.5, 0.25])
    wave = render_modes(frequencies_hz, decays_s, amplitudes, RATE_HZ, phase=0.3, floor_db=100.0)
    elapsed_s = np.arange(wave.shape[1]) / RATE_HZ
    wanted = sum(
        a * 10.0 ** (-3.0 * elapsed_s / d) * np.sin(2.0 * np.pi * f * elapsed_s + 0.3)
        for f, d, a in zip(frequencies_hz, decays_s, amplitudes, strict=True)
    )
    assert np.abs(wave[0] - wanted).max() < 2e-5
    assert wave.shape[1] == pytest.approx(2.0 * 100 / 60 * RATE_HZ, abs=1)


def test_dampers_fall_when_a_note_ends_and_the_sound_goes_on_without_a_step() -> None:
    held = render_modes(np.array([300.0]), np.array([5.0]), np.ones(1), RATE_HZ)
    damped = render_modes(
        np.array([300.0]), np.array([5.0]), np.ones(1), RATE_HZ, held_s=0.5, release_s=0.1
    )
    end = round(0.5 * RATE_HZ)
    assert np.array_equal(damped[:, :end], held[:, :end])
    assert damped[0, end] == pytest.approx(held[0, end], abs=1e-9)
    later = slice(end + 4410, end + 4410 + 147)
    ratio = np.abs(damped[0, later]).max() / np.abs(held[0, later]).max()
    assert 20.0 * np.log10(ratio) == pytest.approx(-60.0, abs=1.5)


def test_a_mode_that_was_gone_before_the_dampers_does_not_come_back() -> None:
    wave = render_modes(
        np.array([300.0]), np.array([0.1]), np.ones(1), RATE_HZ, held_s=2.0, floor_db=60.0
    )
    assert wave.shape[1] == pytest.approx(0.1 * RATE_HZ, abs=1)


def test_each_channel_has_its_own_amplitudes() -> None:
    wave = render_modes(
        np.array([200.0, 900.0]), np.ones(2), np.array([[1.0, 0.0], [0.0, 1.0]]), RATE_HZ
    )
    alone = render_modes(np.array([900.0]), np.ones(1), np.ones(1), RATE_HZ)
    assert wave[1] == pytest.approx(alone[0], abs=1e-12)


def test_what_is_too_high_for_the_rate_is_left_out() -> None:
    wave = render_modes(np.array([100.0, 7500.0]), np.ones(2), np.ones(2), 16_000)
    alone = render_modes(np.array([100.0]), np.ones(1), np.ones(1), 16_000)
    assert np.array_equal(wave, alone)
    silent = render_modes(np.array([7500.0]), np.ones(1), np.ones(1), 16_000)
    assert silent.shape == (1, 0)
    levels = np.ones((4, 3))
    tone = render_harmonics(np.full(3, 2000.0), levels, 100, 16_000)
    three = render_harmonics(np.full(3, 2000.0), levels[:3], 100, 16_000)
    assert np.array_equal(tone, three)


def test_harmonics_are_sines_whose_levels_move_in_straight_lines() -> None:
    points = 21
    frames = CONTROL_FRAMES * (points - 1)
    levels = np.stack([np.linspace(1.0, 0.0, points), np.full(points, 0.4), np.zeros(points)])
    wave = render_harmonics(np.full(points, 220.0), levels, frames, RATE_HZ)
    phase = 2.0 * np.pi * 220.0 * np.arange(frames) / RATE_HZ
    fade = 1.0 - np.arange(frames) / frames
    assert np.abs(wave - fade * np.sin(phase) - 0.4 * np.sin(2.0 * phase)).max() < 1e-9


def test_a_pitch_that_moves_goes_on_without_a_step() -> None:
    points = 101
    wave = render_harmonics(np.linspace(200.0, 400.0, points), np.ones((1, points)), 6000, RATE_HZ)
    assert len(wave) == 6000
    assert np.abs(np.diff(wave)).max() < 2.0 * np.pi * 400.0 / RATE_HZ
    assert np.abs(np.diff(wave, 2)).max() < 1.3 * (2.0 * np.pi * 400.0 / RATE_HZ) ** 2
