"""The policy for a secured ROS 2 graph: what a running node really does, no less and no more."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

POLICY = Path(__file__).resolve().parents[2] / 'config' / 'fliqe.policy.xml'
CAMERAS = ('/flir_front', '/flir_rear')
#: Nodes of Humble have none.
SINCE_JAZZY = {'/fliqe/get_type_description'}


def allowed(kind, verb):
    """Return the full names of what the policy allows."""
    profile, = ElementTree.parse(POLICY).iter('profile')
    own = profile.get('ns') + profile.get('node')
    names = [each.text.replace('~', own, 1) if each.text[0] == '~' else each.text
             for group in profile.iter(kind) if group.get(verb) == 'ALLOW' for each in group]
    assert len(names) == len(set(names))
    return set(names)


@pytest.mark.parametrize('transport, unused', [('raw', '/image_raw/compressed'),
                                               ('compressed', '/image_raw')])
def test_the_policy_allows_what_a_running_node_does(robot, run_node, transport, unused):
    node = run_node(cameras=list(CAMERAS), transport=transport, use_sim_time=True).node
    robot.start()

    def names(of_node):
        return {name for name, _ in of_node('fliqe', '/')}

    assert names(node.get_publisher_names_and_types_by_node) == allowed('topics', 'publish')
    assert names(node.get_subscriber_names_and_types_by_node) == allowed(
        'topics', 'subscribe') - {camera + unused for camera in CAMERAS}
    assert names(node.get_service_names_and_types_by_node) | SINCE_JAZZY == allowed(
        'services', 'reply')
    assert names(node.get_client_names_and_types_by_node) == set()


def test_a_node_without_its_keys_ends_in_a_sentence(run_process, tmp_path):
    process = run_process('--enclave', '/fliqe', environment={
        'ROS_SECURITY_ENABLE': 'true', 'ROS_SECURITY_STRATEGY': 'Enforce',
        'ROS_SECURITY_KEYSTORE': str(tmp_path)})
    assert process.wait(60) == 1
    last = process.log().splitlines()[-1]
    assert last.startswith('quality_node: ') and 'SECURITY ERROR' in last
