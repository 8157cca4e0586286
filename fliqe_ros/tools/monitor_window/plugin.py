"""The monitor as a plugin of rqt: Plugins, Robot Tools, Thermal image quality."""

from __future__ import annotations

from typing import Any

from fliqe_ros.tools.monitor_window.client import MonitorClient
from fliqe_ros.tools.monitor_window.fleet import Fleet
from fliqe_ros.tools.monitor_window.window import MonitorWidget
from rqt_gui_py.plugin import Plugin

_SPLIT = 'split'


class ThermalImageQuality(Plugin):
    """
    Shows the quality of all cameras; see ``MonitorWidget``.

    It has a node of its own, since rqt's executor would build a wait set for each score.
    """

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self.setObjectName('ThermalImageQuality')
        self._widget = MonitorWidget(MonitorClient(Fleet(), context.node.context))
        if context.serial_number() > 1:
            self._widget.setWindowTitle(
                f'{self._widget.windowTitle()} ({context.serial_number()})')
        context.add_widget(self._widget)

    def shutdown_plugin(self) -> None:
        """Leave the ROS graph."""
        self._widget.stop()

    def save_settings(self, plugin_settings: Any, instance_settings: Any) -> None:
        """Keep how high cameras and events are."""
        instance_settings.set_value(_SPLIT, self._widget.split.saveState())

    def restore_settings(self, plugin_settings: Any, instance_settings: Any) -> None:
        """Take what was kept."""
        state = instance_settings.value(_SPLIT)
        if state:
            self._widget.split.restoreState(state)
