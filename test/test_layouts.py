"""The layouts for Foxglove and PlotJuggler: against what these read, the message, and a bag."""

import json
from pathlib import Path
import re
from xml.etree import ElementTree

from fliqe_ros.msg import QualityScore
import pytest

ROOT = Path(__file__).resolve().parent.parent
FOXGLOVE = json.loads((ROOT / 'config' / 'foxglove.json').read_text())
PLOTJUGGLER = ElementTree.parse(ROOT / 'config' / 'plotjuggler.xml').getroot()
CAMERAS = ('/flir_front', '/flir_rear')

# What the panels read, as Lichtblick (the open successor of Foxglove Studio) declares it:
# PlotConfig, StateTransitionConfig, ImageModeConfig, DiagnosticSummaryConfig, LayoutData.
_SERIES = {'value', 'enabled', 'color', 'label', 'timestampMethod'}
PANELS = {
    'Plot': {
        'foxglovePanelTitle', 'paths', 'minYValue', 'maxYValue', 'showLegend', 'legendDisplay',
        'showPlotValuesInLegend', 'showXAxisLabels', 'showYAxisLabels', 'isSynced', 'xAxisVal',
        'followingViewWidth', 'sidebarDimension'},
    'StateTransitions': {'foxglovePanelTitle', 'isSynced', 'paths'},
    'Image': {'imageMode'},
    'DiagnosticSummary': {
        'minLevel', 'pinnedIds', 'topicToRender', 'hardwareIdFilter', 'sortByLevel',
        'secondsUntilStale'},
}
SERIES = {'Plot': _SERIES | {'showLine', 'lineSize'}, 'StateTransitions': _SERIES}


def foxglove_paths():
    """Return topics and fields of all series."""
    return [tuple(series['value'].split('.')) for panel in FOXGLOVE['configById'].values()
            for series in panel.get('paths', ())]


def foxglove_topics():
    """Return the topics of the panels that show whole messages."""
    panels = FOXGLOVE['configById'].values()
    return {panel['imageMode']['imageTopic'] for panel in panels if 'imageMode' in panel} \
        | {panel['topicToRender'] for panel in panels if 'topicToRender' in panel}


def curves():
    """Return topics and fields of all curves of PlotJuggler."""
    return [tuple(curve.get('name').rsplit('/', 1)) for curve in PLOTJUGGLER.iter('curve')]


def test_foxglove_knows_every_panel_and_setting():
    assert set(FOXGLOVE) == {
        'configById', 'globalVariables', 'userNodes', 'playbackConfig', 'layout'}
    for name, config in FOXGLOVE['configById'].items():
        kind = name.split('!')[0]
        assert set(config) <= PANELS[kind], name
        for series in config.get('paths', ()):
            assert set(series) <= SERIES[kind], name
            assert series['timestampMethod'] in ('receiveTime', 'headerStamp')


def test_foxglove_shows_every_panel_once():
    def leaves(node):
        if isinstance(node, str):
            return [node]
        assert set(node) == {'direction', 'splitPercentage', 'first', 'second'}
        assert node['direction'] in ('row', 'column') and 0 < node['splitPercentage'] < 100
        return leaves(node['first']) + leaves(node['second'])
    assert sorted(leaves(FOXGLOVE['layout'])) == sorted(FOXGLOVE['configById'])


def test_plotjuggler_finds_a_place_for_every_plot():
    # As MainWindow::xmlLoadState, PlotDocker::restoreSplitter and PlotWidget::xmlLoadState read.
    window = PLOTJUGGLER.find('tabbed_widget')
    assert window.attrib == {'name': 'Main Window', 'parent': 'main_window'}
    splitters = list(window.iterfind('Tab/Container/DockSplitter'))
    assert len(splitters) == len(window.findall('Tab'))
    for splitter in splitters:
        sizes = [float(size) for size in splitter.get('sizes').split(';')]
        assert int(splitter.get('count')) == len(sizes) == len(splitter)
        assert sum(sizes) == pytest.approx(1) and splitter.get('orientation')[0] in '|-'
        for area in splitter:
            plot, = area
            assert (plot.get('mode'), plot.get('style')) == ('TimeSeries', 'Lines')
            assert set(plot.find('range').attrib) == {'left', 'right', 'bottom', 'top'}
            assert set(plot.find('limitY').attrib) == {'min', 'max'}


def test_plotjuggler_subscribes_what_it_plots():
    # As RosParserConfig::xmlLoadState reads. A setting that is missing would be 0 or false.
    plugin, = PLOTJUGGLER.find('Plugins')
    assert plugin.tag == 'plugin' and plugin.get('ID') == 'ROS2 Topic Subscriber'
    assert PLOTJUGGLER.find('previouslyLoaded_Streamer').get('name') == plugin.get('ID')
    settings = {element.tag: element.get('value') for element in plugin}
    assert settings == {
        'use_header_stamp': 'true', 'discard_large_arrays': 'true', 'max_array_size': '100',
        'boolean_strings_to_number': 'true', 'remove_suffix_from_strings': 'true',
        'selected_topics': ';'.join(sorted({topic for topic, _ in curves()}))}


@pytest.mark.parametrize('shown', [foxglove_paths(), curves()], ids=['foxglove', 'plotjuggler'])
def test_the_fields_of_both_cameras_are_shown(shown):
    fields = QualityScore.get_fields_and_field_types()
    for camera in CAMERAS:
        assert {'score', 'smoothed_score', 'status', 'status_distortion'} == {
            field for topic, field in shown if topic == f'{camera}/quality'}
    assert {field for _, field in shown} <= set(fields)
    assert {topic for topic, _ in shown} == {f'{camera}/quality' for camera in CAMERAS}


def test_foxglove_can_name_the_values():
    # Of a field it takes the constants of the same type that stand right before it.
    lines = re.findall(r'^(\w\S*) +(\w+)(=?)', (
        ROOT / 'msg' / 'QualityScore.msg').read_text(), re.MULTILINE)
    named, constants = {}, []
    for kind, name, is_constant in lines:
        if is_constant:
            constants.append((kind, name))
        else:
            named[name] = [constant for of, constant in constants if of == kind]
            constants = []
    assert 'STATUS_SILENT' in named['status'] and len(named['status']) == 6
    assert 'BLANK' in named['status_distortion'] and len(named['status_distortion']) == 14


def test_a_bag_of_scores_has_what_the_layouts_show(tmp_path):
    pytest.importorskip('rosbags', reason='bags are written with the optional package rosbags')
    from fliqe_ros.tools import score
    import numpy as np
    from rosbags.highlevel import AnyReader
    from test_bags import Recorder
    rng = np.random.default_rng(0)
    with Recorder(tmp_path / 'drive', 'mcap') as bag:
        for camera in 3 * CAMERAS:
            bag.image(f'{camera}/image_raw', rng.integers(0, 255, (48, 64), np.uint8), 'mono8')
    assert score.main([str(tmp_path / 'drive'), '--out', str(tmp_path / 'out'), '--bag', '-q',
                       '--device', 'cpu']) == 0
    folder, = (tmp_path / 'out' / 'bags').iterdir()
    with AnyReader([folder]) as reader:
        of_topic = {}
        for connection, _, data in reader.messages():
            of_topic[connection.topic] = reader.deserialize(data, connection.msgtype)
    for topic, field in foxglove_paths() + curves():
        assert isinstance(getattr(of_topic[topic], field), (int, float)), (topic, field)
    # Overlay images are the node's alone.
    assert foxglove_topics() - set(of_topic) == {f'{camera}/quality/image' for camera in CAMERAS}
