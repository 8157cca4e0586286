"""What is normal for a camera: learnt from good frames, stored, judged against."""

import json

import cv2
from fliqe_ros import FLIQE, OnlineFLIQE
from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.errors import ProfileError
from fliqe_ros.estimator import Assessment
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.monitoring.status import Thresholds
from fliqe_ros.profiles.files import load_profile, save_profile
from fliqe_ros.profiles.learning import LEAST_FRAMES, ProfileLearner
from fliqe_ros.profiles.measures import measure, windows
from fliqe_ros.profiles.views import count_scenes, fixed_view, view, ViewWatch
from fliqe_ros.simulation.degradations import degrade
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
from fliqe_ros.tools import learn
import numpy as np
import pytest

THRESHOLDS = Thresholds(0.6, 0.3, 0.05, 5)
MODEL = 'thermal_s 7 0123456789ab'


def assessment(score, distortion=Distortion.CLEAN):
    """Return what a model says that is sure of the type."""
    return Assessment(score, distortion, tuple(float(each == distortion) for each in CLASSES))


def scene_counts(seed):
    scene = ThermalScene(seed, 256, 320)
    return scene.sensor_counts(scene.render(0.0), np.random.default_rng(seed))


@pytest.fixture(scope='module')
def frames():
    """Return frames of different scenes."""
    return [GainControl()(scene_counts(seed)) for seed in range(16)]


def learnt(frames, score=0.9):
    learner = ProfileLearner(MODEL)
    for frame in frames:
        learner.add(frame, assessment(score))
    return learner.profile()


def said(profile, frame, score=0.9, model=MODEL):
    return profile.judge(frame, assessment(score), model, THRESHOLDS)


def blurred(frame, sigma=1.5):
    return cv2.GaussianBlur(frame, (0, 0), sigma)


def noisy(frame, sigma=8.0):
    noise = np.random.default_rng(1).normal(0, sigma, frame.shape)
    return np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8)


def striped(frame, sigma=4.0, axis=1):
    """Return a frame whose columns (``axis`` 1) or rows have offsets of their own."""
    shape = [size if each == axis else 1 for each, size in enumerate(frame.shape)]
    stripes = np.random.default_rng(7).normal(0, sigma, shape)
    return np.clip(np.rint(frame + stripes), 0, 255).astype(np.uint8)


def striped_rows(frame):
    return striped(frame, axis=0)


def speckled(frame):
    """Return a frame with one bad pixel in five hundred."""
    return np.where(np.random.default_rng(8).random(frame.shape) < 0.002, 255 - frame, frame)


@pytest.mark.parametrize('spoil, distortion, words', [
    (blurred, Distortion.LENS_BLUR, 'softer'), (noisy, Distortion.GAUSSIAN_NOISE, 'noisier'),
    (striped, Distortion.NON_UNIFORMITY, 'more striped than this camera was'),
    (striped_rows, Distortion.NON_UNIFORMITY, 'more striped than this camera was'),
    (speckled, Distortion.NON_UNIFORMITY, 'more speckled by bad pixels than this camera was')])
def test_mild_trouble_that_the_model_does_not_see_is_noticed(frames, spoil, distortion, words):
    profile = learnt(frames[::2])
    found = [said(profile, spoil(frame)) for frame in frames[1::2]]
    noticed = [each for each in found if each.assessment.score < THRESHOLDS.warn_below]
    assert len(noticed) >= 0.75 * len(found)
    for each in noticed:
        probabilities = each.assessment.probabilities
        assert each.assessment.distortion == CLASSES[int(np.argmax(probabilities))] == distortion
        assert sum(probabilities) == pytest.approx(1) and words in each.reason


def test_good_frames_keep_their_scores(frames):
    profile = learnt(frames[::2])
    for frame in frames[1::2]:
        found = said(profile, frame)
        assert (found.assessment.score, found.reason) == (0.9, '')


def test_more_trouble_is_worse(frames):
    profile, frame = learnt(frames), frames[0]
    scores = [said(profile, blurred(frame, sigma)).assessment.score for sigma in (1.5, 2, 3, 6)]
    assert scores == sorted(scores, reverse=True) and scores[-1] < THRESHOLDS.error_below


def test_a_soft_camera_is_not_degraded_for_ever(frames):
    profile = learnt([blurred(frame) for frame in frames[::2]], score=0.55)
    assert 0.3 <= profile.lowest_score < 0.55
    recovers = THRESHOLDS.warn_below + THRESHOLDS.hysteresis
    for frame in frames[1::2]:
        found = said(profile, blurred(frame), 0.5)
        assert found.assessment.score > recovers and found.reason == ''
        assert said(profile, blurred(frame, 4), 0.5).assessment.score < THRESHOLDS.warn_below


@pytest.mark.parametrize('spoil', [striped, striped_rows, speckled])
def test_a_camera_that_always_had_a_pattern_is_not_degraded_by_it(frames, spoil):
    profile = learnt([spoil(frame) for frame in frames[::2]])
    for frame in frames[1::2]:
        found = said(profile, spoil(frame))
        assert (found.assessment.score, found.reason) == (0.9, '')
    assert 'more striped' in said(profile, striped(striped(frames[1]), 12)).reason


def test_a_file_from_before_patterns_were_learnt_is_used_without(frames, tmp_path):
    file = tmp_path / 'front.json'
    save_profile(learnt(frames), file)
    content = json.loads(file.read_text())
    del content['patterns']
    for name in ('blur', 'strong_blur', 'noise'):
        assert content[name]['weights'][5:] == [0, 0, 0]
        del content[name]['weights'][5:]
    file.write_text(json.dumps(content))
    profile = load_profile(file)
    assert said(profile, striped(frames[0])).reason == ''
    assert 'softer' in said(profile, blurred(frames[0], 2)).reason
    sentence, = profile.remarks(frames[0].shape, MODEL)
    assert 'fixed pattern must be learnt anew' in sentence


def test_scores_keep_their_order_and_bad_ones_stay_bad(frames):
    profile = learnt([blurred(frame) for frame in frames], score=0.5)
    given = np.linspace(0, 1, 101)
    found = [said(profile, blurred(frames[0]), score).assessment.score for score in given]
    assert found == sorted(found)
    assert all(after == before for before, after in zip(given, found) if before < 0.3)
    assert all(after >= before for before, after in zip(given, found))


def test_scores_of_another_model_are_left_alone(frames):
    profile = learnt([blurred(frame) for frame in frames], score=0.5)
    soft = blurred(frames[0])
    assert said(profile, soft, 0.5, 'other').assessment.score == 0.5
    assert said(profile, blurred(soft, 4), 0.9, 'other').assessment.score < 0.6
    assert any('scores must be learnt anew' in each
               for each in profile.remarks(soft.shape, 'other'))
    assert profile.remarks(soft.shape, MODEL) == ()


def test_frames_of_another_size_are_judged_by_their_scores_alone(frames):
    profile = learnt(frames)
    small = cv2.resize(blurred(frames[0]), (160, 128))
    assert said(profile, small).assessment.score == 0.9
    sentence, = profile.remarks(small.shape, MODEL)
    assert 'frames were 320x256 and are 160x128' in sentence


@pytest.mark.parametrize('fault', [
    *CLASSES[1:9], Distortion.NON_UNIFORMITY, Distortion.BLANK, Distortion.CORRUPTION])
def test_bad_frames_are_not_learnt(frames, fault):
    learner = ProfileLearner(MODEL)
    for seed, frame in enumerate(frames):
        spoilt = degrade(frame, fault, None, np.random.default_rng(seed))
        learner.add(spoilt, assessment(0.1, fault))
    with pytest.raises(ProfileError, match=f'16 of 16 frames are bad.*{fault.label}'):
        learner.profile()


def test_a_few_bad_frames_are_left_out(frames):
    learner = ProfileLearner(MODEL)
    for index, frame in enumerate(frames):
        learner.add(frame, assessment(0.05 if index % 8 == 0 else 0.95))
    assert learner.profile().lowest_score == learnt(frames[:14], 0.95).lowest_score > 0.5


def test_too_few_frames_and_two_sizes_are_refused(frames):
    with pytest.raises(ProfileError, match='3 good frames are too few'):
        learnt(frames[:LEAST_FRAMES - 1])
    with pytest.raises(ProfileError, match='320x256 and of 160x128 cannot be learnt together'):
        learnt([frames[0], frames[0][::2, ::2]])


def test_many_frames_of_one_scene_do_not_make_limits_narrow(frames):
    still = [noisy(frames[0], 1 + index % 2) for index in range(300)]
    profile = learnt(still)
    assert profile.frames == 300 and profile.view is not None
    for frame in frames[1:]:
        assert said(profile, frame).assessment.score > THRESHOLDS.warn_below


@pytest.mark.parametrize('dtype, factor', [(np.uint16, 37), (np.float32, 0.05)])
def test_counts_and_temperatures_are_measured_as_pictures_are(frames, dtype, factor):
    picture = GainControl()(frames[0].astype(np.uint16) * 37)
    raw = (frames[0].astype(np.float64) * factor + 3).astype(dtype)
    assert measure(windows(raw)) == pytest.approx(measure(windows(picture)), abs=0.05)
    assert np.isfinite(measure(windows(np.full((40, 50), np.nan, np.float32)))).all()


@pytest.mark.parametrize('shape', [(1, 1), (8, 300), (24, 32), (512, 640)])
def test_pictures_of_any_size_are_measured(shape):
    assert np.isfinite(measure(windows(np.zeros(shape, np.uint8)))).all()


def test_a_moved_camera_is_told_and_what_passes_by_is_not(frames):
    usual = [noisy(frames[0], 3) for _ in range(10)]
    watch = ViewWatch(*fixed_view([view(each) for each in usual]))
    passing = frames[0].copy()
    passing[60:200, 100:140] = 250
    for picture in (*usual, 255 - frames[0], np.zeros_like(frames[0]), *[passing] * 10):
        assert not watch.look(picture)
    turned = np.roll(frames[0], 64, axis=1)
    assert [watch.look(turned) for _ in range(6)] == [False] * 4 + [True] * 2
    assert not watch.look(frames[0])


def test_a_camera_that_moves_has_no_view_and_many_scenes(frames):
    views = [view(frame) for frame in frames]
    assert fixed_view(views) is None and count_scenes(views) > 10
    assert count_scenes([views[0]] * 5) == 1
    assert fixed_view([view(np.zeros((64, 64), np.uint8))]) is None


def test_a_profile_is_stored_whole(frames, tmp_path):
    profile = learnt([frames[0]] * 5)
    file = tmp_path / 'new' / 'front.json'
    save_profile(profile, file)
    save_profile(profile, file)
    assert [path.name for path in file.parent.iterdir()] == ['front.json']
    assert file.stat().st_size < 5000
    found = load_profile(file)
    assert found.view == pytest.approx(profile.view, abs=1e-3)
    for name in ('model', 'frames', 'shape', 'lowest_score', 'blur', 'strong_blur', 'noise',
                 'least_alike', 'patterns'):
        assert getattr(found, name) == getattr(profile, name)


@pytest.mark.parametrize('change, reason', [
    ({'format': 'x'}, 'not written by fliqe learn'), ({'version': 2}, 'version 2'),
    ({'model': 3}, 'model is no text'), ({'frames': 0}, 'frames is 0'),
    ({'height': True}, 'height is True'), ({'lowest_score': 'x'}, "'x' is no number"),
    ({'lowest_score': float('nan')}, 'nan is no number'), ({'lowest_score': 2}, 'is 2'),
    ({'blur': {'weights': [1], 'normal': 0, 'limit': 1}}, '1 weights, not 8'),
    ({'noise': {'weights': [1] * 8, 'normal': 1, 'limit': 1}}, 'not above what is normal'),
    ({'noise': None}, 'NoneType'), ({'patterns': 3}, 'not iterable'),
    ({'patterns': [{'weights': [1] * 7, 'normal': 0, 'limit': 1}]}, '7 weights, not 8'),
    ({'patterns': [{'weights': [1] * 8, 'normal': 0, 'limit': 1}]}, '1 patterns, not 3'),
    ({'view': 'AAAA'}, 'its view is broken'),
    ({'view': '§'}, 'its view is broken'), ({'view': [1]}, ''),
])
def test_a_broken_file_is_told_in_one_sentence(frames, tmp_path, change, reason):
    file = tmp_path / 'front.json'
    save_profile(learnt(frames), file)
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(ProfileError, match=f'front.json is no profile.*{reason}') as raised:
        load_profile(file)
    assert '\n' not in str(raised.value)


@pytest.mark.parametrize('content', [
    b'', b'{', b'[]', b'\xff\xfe', b'{"format": "fliqe camera profile"}', b'[' * 50_000,
    b'x' * 200_000])
def test_any_other_file_is_no_profile(tmp_path, content):
    file = tmp_path / 'front.json'
    file.write_bytes(content)
    with pytest.raises(ProfileError, match='front.json is no profile'):
        load_profile(file)


def test_the_library_learns_a_session_and_loads_it(frames, tmp_path):
    online = OnlineFLIQE(device='cpu', smoothing_window_size=1)
    online.create_session('front')
    profile = online.learn(frames[::2], 'front')
    save_profile(profile, tmp_path / 'front.json')
    online.create_session('again')
    online.load_profile(tmp_path / 'front.json', 'again')
    plain = FLIQE(device='cpu')
    assert profile.model == plain.model_id
    soft = blurred(frames[1], 2)
    for session in ('front', 'again'):
        assert online.estimate_smoothed_quality(frames[1], session) >= min(
            plain.estimate_image_quality(frames[1]), 0.6)
        assert online.get_reason(session) == ''
        assert online.estimate_smoothed_quality(soft, session) < 0.6
        assert 'softer' in online.get_reason(session)
    with pytest.raises(ValueError, match='no session'):
        online.load_profile(tmp_path / 'front.json', 'rear')


def test_the_command_learns_a_folder(frames, tmp_path, capsys):
    folder = tmp_path / 'good'
    folder.mkdir()
    for index, frame in enumerate(frames):
        cv2.imwrite(str(folder / f'frame_{index:03}.png'), frame)
    (folder / 'frame_900.png').write_bytes(b'nothing')
    file = tmp_path / 'front.json'
    assert learn.main([str(folder), '--out', str(file), '--device', 'cpu']) == 0
    told = capsys.readouterr()
    assert f'{file}: 16 frames of a camera that moves' in told.out
    assert '1 frames could not be read' in told.err
    assert load_profile(file).frames == 16
    assert learn.main([str(folder), '--out', str(file), '--device', 'cpu', '--json']) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told['frames'], told['unreadable'], told['is_fixed']) == (16, 1, False)
    assert learn.main([str(folder), '--out', str(file), '--device', 'cpu', '-q']) == 0
    assert capsys.readouterr().out == ''


def test_the_command_refuses_bad_frames_and_writes_nothing(frames, tmp_path, capsys):
    for index, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / f'frame_{index:03}.png'), noisy(frame, 40))
    file = tmp_path / 'front.json'
    assert learn.main([str(tmp_path), '--out', str(file), '--device', 'cpu']) == 1
    assert 'frames are bad and cannot be learnt as normal, most of them gaussian_noise' in \
        capsys.readouterr().err
    assert not file.exists()
    assert learn.main([str(tmp_path / 'missing'), '--out', str(file), '--device', 'cpu']) == 1
    assert 'missing: no such file' in capsys.readouterr().err
