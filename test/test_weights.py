"""The packaged default model keeps what its card promises, on frames it has never seen."""

import csv
import hashlib
from pathlib import Path

import cv2
from fliqe_ros.data.sources import load_sources, Source, synthetic_source
from fliqe_ros.distortion_types import CLASSES, Distortion, DISTORTIONS
from fliqe_ros.estimator import FLIQE
from fliqe_ros.evaluation.evaluate import evaluate_methods
from fliqe_ros.evaluation.judging.registry import JUDGED
from fliqe_ros.evaluation.methods import NetworkMethod
from fliqe_ros.evaluation.metrics import (
    auroc, metrics, metrics_by_kind, metrics_by_source, severity_correlations)
from fliqe_ros.evaluation.protocols import GRADES
from fliqe_ros.frame_io.files import find_files, read_frames
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.models.checkpoint import load_model
from fliqe_ros.models.packaged import DEFAULT_MODEL
from fliqe_ros.simulation.artifacts.registry import apply_artifact, ARTIFACTS
from fliqe_ros.simulation.degradations import degrade
from fliqe_ros.simulation.distortions import distort
import numpy as np
from other_displays import put_other_display
import pytest

DATA = Path(__file__).resolve().parent.parent.parent / 'shared' / 'data'
CASES = DATA.parent / 'cases'
NATIVE_NOISE = Path(__file__).with_name('native_noise.csv')
CARD = DEFAULT_MODEL.with_name('README.md')

#: Kinds that the model hardly sees; the card says so.
HARDLY_SEEN = {'ghost_of_nuc', 'sun_burn', 'shading', 'low_frequency_shading', 'hot_corner',
               'dead_cluster', 'frost'}
TABLES = {'artifacts': ARTIFACTS, 'judged': JUDGED}

needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f'the thermal frames of the model card are not in {DATA}')


@pytest.fixture(scope='module')
def method():
    return NetworkMethod('default', load_model())


@pytest.fixture(scope='module')
def sources(tmp_path_factory):
    """All raw frames, and every fourth file of the rest: reading takes longer than scoring."""
    folder = tmp_path_factory.mktemp('thermal')
    files = find_files(DATA)
    raw = [file for file in files if file.parent.name.endswith('raw16')]
    for file in raw + [file for file in files if file not in raw][::4]:
        link = folder / file.relative_to(DATA)
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(file)
    return load_sources(folder, exclude=('lepton_raw16',))


@pytest.mark.skipif(not CASES.is_dir(), reason=f'the inputs that once failed are not in {CASES}')
@pytest.mark.parametrize('name, types', [
    ('a65_clean', {Distortion.CLEAN}), ('a65_16bit', {Distortion.CLEAN}),
    ('red_monochrome_gray', {Distortion.CLEAN}), ('red_monochrome_palette', {Distortion.CLEAN}),
    ('nonuniformity_crosshatch', {Distortion.NON_UNIFORMITY}),
    ('five_dead_columns', {Distortion.NON_UNIFORMITY}),
    ('torn_rolled_rows', {Distortion.CORRUPTION}),
    ('a65_wrapped_to_8bit', {Distortion.CORRUPTION}),
    ('a65_byteswapped', {Distortion.CORRUPTION}),
    ('posterised_16_levels', set(DISTORTIONS)), ('black_with_osd', {Distortion.BLANK})])
def test_what_once_scored_wrongly(name, types):
    frame, = read_frames(CASES / f'{name}.png')
    assessment = FLIQE(device='cpu').assess(frame)
    assert assessment.distortion in types
    assert (assessment.score >= 0.8) if Distortion.CLEAN in types else (assessment.score < 0.5)


@needs_data
def test_reference_severities_on_validation_groups(method, sources):
    records = evaluate_methods([method], sources, 'reference', limit=16)[method.name]
    found = metrics(records)
    assert found.frames >= len(CLASSES) * 40
    assert found.balanced_accuracy >= 0.96
    assert found.type_accuracy >= 0.92
    assert found.mean_scores[Distortion.CLEAN] >= 0.85
    for distortion in DISTORTIONS:
        assert found.mean_scores[distortion] <= 0.3, distortion.label
    for name, by_source in metrics_by_source(records).items():
        if by_source.frames >= len(CLASSES) * 8:
            assert by_source.balanced_accuracy >= 0.93, name
            assert by_source.false_alarms <= 0.1, name


@needs_data
def test_scores_fall_with_severity(method, sources):
    records = evaluate_methods([method], sources, 'graded', limit=5)[method.name]
    assert metrics(records).auroc >= 0.94
    clean = metrics(records).mean_scores[Distortion.CLEAN]
    for distortion, correlation in severity_correlations(records).items():
        means = [np.mean([record.score for record in records if record.truth == distortion
                          and record.severity == severity]) for severity in GRADES]
        assert clean > means[0] + 0.02, distortion.label
        assert clean > min(means) + 0.3, distortion.label
        if distortion not in (Distortion.CORRUPTION, Distortion.BLANK):  # bad from the first on
            assert max(np.diff(means)) <= 0.1, distortion.label
            assert correlation <= -0.4, distortion.label


@needs_data
@pytest.mark.parametrize('kinds', ['artifacts', 'judged'])
def test_artifacts_are_seen(method, sources, kinds):
    """Also those that others drew: ``judged`` shares no line with what was trained on."""
    found = metrics_by_kind(
        evaluate_methods([method], sources, kinds, limit=4)[method.name])
    assert set(found) == set(TABLES[kinds])
    assert np.mean([each.auroc for each in found.values()]) >= 0.92
    assert np.mean([each.distorted_recall for each in found.values()]) >= 0.75
    for name, each in found.items():
        assert name in HARDLY_SEEN or each.auroc >= 0.7, name


@needs_data
def test_raw_frames_are_judged_as_well_as_8_bit_ones(method, sources):
    records = evaluate_methods([method], sources, 'raw')[method.name]
    found = metrics_by_kind(records)
    assert found['raw'].frames >= len(CLASSES) * 10
    assert found['raw'].balanced_accuracy >= found['8-bit'].balanced_accuracy - 0.05


@needs_data
def test_palettes_are_judged_as_gray_is(method, sources):
    found = metrics_by_kind(
        evaluate_methods([method], sources, 'palettes', limit=2)[method.name])
    assert len(found) >= 4
    for name, of_palette in found.items():
        assert of_palette.balanced_accuracy >= found['gray'].balanced_accuracy - 0.03, name


@needs_data
def test_natively_noisy_frames_score_below_clean_ones(method):
    """On frames sorted by eye; the Lepton is noisy throughout and held against Boson."""
    with NATIVE_NOISE.open() as file:
        rows = list(csv.DictReader(file))
    frames = {}
    for path in {row['file'] for row in rows}:
        wanted = {int(row['frame']) for row in rows if row['file'] == path}
        frames.update({(path, str(number)): GainControl()(frame)
                       for number, frame in enumerate(read_frames(DATA / path))
                       if number in wanted})
    scores = {'boson320': {'clean': [], 'noisy': []}, 'lepton_raw16': {'noisy': []}}
    for row in rows:
        score = method.estimate([frames[row['file'], row['frame']]]).scores[0]
        scores[row['file'].split('/')[0]][row['verdict']].append(score)
    clean = np.array(scores['boson320']['clean'])
    for camera, count in (('boson320', 30), ('lepton_raw16', 30)):
        noisy = np.array(scores[camera]['noisy'])
        assert len(noisy) >= count and len(clean) >= 60
        assert auroc(clean, noisy) >= 0.88, camera


@needs_data
@pytest.mark.parametrize('name', ['lens_blur', 'gaussian_noise', 'compression'])
def test_quality_map_shows_which_half_of_a_real_frame_is_bad(sources, name):
    fliqe = FLIQE(device='cpu')
    frames = [frame.to_8bit() for source in sources for frame in source.validation[::3]
              if source.name in ('hit_uav', 'a65_raw16')]
    assert len(frames) >= 10
    differences = []
    for frame in frames:
        bad = distort(frame, Distortion[name.upper()])
        half = frame.shape[1] // 2
        for columns in (np.s_[:, :half], np.s_[:, half:]):
            mixed = frame.copy()
            mixed[columns] = bad[columns]
            quality = cv2.resize(fliqe.assess(mixed).quality_map, frame.shape[::-1])
            in_bad = np.zeros(frame.shape, bool)
            in_bad[columns] = True
            differences.append(quality[~in_bad].mean() - quality[in_bad].mean())
    assert np.mean(differences) >= 0.4


def test_displays_do_not_count(method):
    """Other drawings of displays than those trained on: text, bars, crosses, frames."""
    frames = [frame.to_8bit() for frame in synthetic_source(12, seed=31).training[:8]]
    versions = [(degrade(frame, distortion, None, np.random.default_rng(index)), index)
                for index, frame in enumerate(frames)
                for distortion in (Distortion.CLEAN, Distortion.BLANK, Distortion.LENS_BLUR)]
    plain = method.estimate([image for image, _ in versions]).scores
    shown = method.estimate([put_other_display(image, seed) for image, seed in versions]).scores
    assert np.mean(np.abs(plain - shown)) < 0.1
    assert np.mean((plain < 0.5) == (shown < 0.5)) > 0.9


def test_generated_scenes_no_model_was_trained_on(method):
    source = Source('unseen', validation=synthetic_source(20, seed=4711).training[:12])
    found = metrics(evaluate_methods([method], [source])[method.name])
    assert found.balanced_accuracy >= 0.85
    assert found.type_accuracy >= 0.8


def test_quality_map_shows_which_half_is_bad():
    """Left half blurred, then right half: the map follows."""
    fliqe = FLIQE(device='cpu')
    differences = []
    for frame in synthetic_source(8, seed=99).training[:6]:
        image = frame.to_8bit()
        blurred = distort(image, Distortion.LENS_BLUR)
        half = image.shape[1] // 2
        left, right = image.copy(), image.copy()
        left[:, :half], right[:, half:] = blurred[:, :half], blurred[:, half:]
        of_left, of_right = (fliqe.assess(each).quality_map for each in (left, right))
        columns = of_left.shape[1] // 2 - 2  # windows across the seam see both halves
        differences += [of_left[:, -columns:].mean() - of_left[:, :columns].mean(),
                        of_right[:, :columns].mean() - of_right[:, -columns:].mean()]
    assert min(differences) > 0.15 and np.mean(differences) > 0.35


@pytest.mark.parametrize('name, least', [
    ('covered', 0.5), ('lens_cover', 0.55), ('smear', 0.5), ('splash', 0.25), ('dirt', 0.2)])
def test_the_map_finds_what_is_on_the_lens(name, least):
    fliqe = FLIQE(device='cpu')
    differences = []
    for index, frame in enumerate(synthetic_source(12, seed=77).training[:8]):
        clean = frame.to_8bit()
        spoilt = apply_artifact(clean, name, None, np.random.default_rng(index))
        changed = cv2.blur(cv2.absdiff(clean, spoilt).astype(np.float32), (33, 33))
        quality = cv2.resize(fliqe.assess(spoilt).quality_map, clean.shape[::-1])
        inside, outside = changed > 12, changed < 0.5
        if inside.mean() > 0.02 and outside.mean() > 0.2:
            differences.append(quality[outside].mean() - quality[inside].mean())
    assert len(differences) >= 4
    assert np.mean(differences) >= least


def test_the_card_is_of_this_file():
    card = CARD.read_text()
    digest = hashlib.sha256(DEFAULT_MODEL.read_bytes()).hexdigest()
    assert digest in card, 'the SHA-256 in the card must be that of the shipped file'
    metadata = load_model().metadata
    assert metadata['classes'] == [distortion.label for distortion in CLASSES]
    assert metadata['date'] in card
    assert len(metadata['training_data']) >= 2
    for source, licence in metadata['training_data'].items():
        row, = (line for line in card.splitlines() if line.startswith(f'| `{source}`'))
        assert licence and licence in row


def test_single_frames_are_listed_with_an_open_licence():
    trained_on = load_model().metadata['training_data']
    with CARD.with_name('frames.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert len({(row['folder'], row['file']) for row in rows}) == len(rows) == 521
    for row in rows:
        licence = row['licence'].split(' (')[0].replace('-', ' ')
        assert licence.startswith(('CC0', 'CC BY', 'MIT', 'Apache 2.0', 'BSD 2 Clause',
                                   'BSD 3 Clause', 'ODC By ', 'public domain', 'free to use'))
        assert not {'SA', 'NC', 'ND'} & set(licence.split())  # for weights that are free
        assert any(licence.startswith(each.replace('-', ' '))
                   for each in trained_on[row['folder']].split(', ')), row['file']


def test_scenes_are_listed_with_an_open_licence():
    trained_on = load_model().metadata['training_data']
    with CARD.with_name('scenes.csv').open() as file:
        rows = list(csv.DictReader(file))
    pictures = {folder: sum(int(row['pictures']) for row in rows if row['folder'] == folder)
                for folder in ('caltech101', 'trashnet', 'hands', 'everyday')}
    assert pictures == {'caltech101': 7507, 'trashnet': 1000, 'hands': 500, 'everyday': 566}
    for row in rows:
        licence = row['licence'].split(' (')[0].replace('-', ' ').rstrip('0123456789. ')
        allowed = trained_on[row['folder']].replace('-', ' ').split(', ')
        assert any(each.startswith(licence) for each in allowed), row['repository']
        assert len(row['commit']) == 40 and not {'SA', 'NC', 'ND'} & set(licence.split())


def test_the_default_stays_small():
    assert sum(each.numel() for each in load_model().parameters()) < 800_000
    assert DEFAULT_MODEL.stat().st_size < 3_300_000
