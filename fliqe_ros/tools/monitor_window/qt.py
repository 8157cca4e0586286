"""Qt by python_qt_binding where ROS has it, else by the binding that is installed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_BINDINGS = ('python_qt_binding', 'PyQt5', 'PySide6', 'PyQt6', 'PySide2')


def _load() -> tuple[Any, Any, Any]:
    errors = []
    for binding in _BINDINGS:
        try:
            import_module(binding)
            core, gui, widgets = (
                import_module(f'{binding}.{name}') for name in ('QtCore', 'QtGui', 'QtWidgets'))
            return core, gui, widgets
        except ImportError as error:
            errors.append(error)
    missing = all(isinstance(error, ModuleNotFoundError) for error in errors)
    kind = ModuleNotFoundError if missing else ImportError
    raise kind(
        'no binding of Qt can be imported: install python_qt_binding of ROS, or PyQt5 by pip ('
        + '; '.join(str(error).splitlines()[0] for error in errors) + ')', name='PyQt5')


QtCore, QtGui, QtWidgets = _load()
Signal: Any = getattr(QtCore, 'Signal', None) or QtCore.pyqtSignal
Qt: Any = QtCore.Qt


def make_application(name: str) -> Any:
    """Return the application, sharp on displays of high resolution."""
    scaling = getattr(Qt.ApplicationAttribute, 'AA_EnableHighDpiScaling', None)
    if QtCore.qVersion().startswith('5.') and scaling is not None:  # Qt 6 always does
        QtCore.QCoreApplication.setAttribute(scaling)
    return QtWidgets.QApplication([name])


def run(application: Any) -> int:
    """Run the event loop of an application; return its exit status."""
    return int((getattr(application, 'exec', None) or application.exec_)())
