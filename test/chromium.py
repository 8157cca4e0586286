"""
A browser without a display for tests of pages: the Chromium that Qt WebEngine brings.

It runs in a process of its own (`multiprocessing`): it has to be loaded before the rest of Qt, and
a library of the system that is missing may end the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
import os
from pathlib import Path
import time

#: Qt's names of the levels of console messages
_LEVELS = ('info', 'warning', 'error')
_PATIENCE_S = 60
#: The browser of this process, once it was started
_browser = None


@dataclass
class Seen:
    """What a page did: values of the scripts, console messages, addresses that it asked for."""

    values: list = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def start(folder: str, dark: bool) -> None:
    """
    Start the browser in this process.

    :param folder: where it keeps what browsers keep.
    :raises ImportError: if it is not installed, or a library of the system that it needs is not.
    """
    global _browser
    os.environ.update(
        dict.fromkeys(('HOME', 'XDG_CACHE_HOME', 'XDG_DATA_HOME', 'XDG_RUNTIME_DIR'), folder),
        QT_QPA_PLATFORM='offscreen', QT_QUICK_BACKEND='software',  # else it needs OpenGL
        QTWEBENGINE_CHROMIUM_FLAGS='--no-sandbox --disable-gpu '  # root has no sandbox
        f'--blink-settings=preferredColorScheme={0 if dark else 1}')
    _browser = _Browser()


def look(path: Path, width: int, scripts: Sequence[str] = (), keys: Sequence[str] = (),
         until: str = 'true') -> Seen:
    """
    Load a page, press keys, and evaluate scripts in it, one after the other.

    :param width: of the window, px.
    :param keys: such as ``Tab``.
    :param until: script whose value is true once the keys have done what they do.
    """
    _browser.load(path, width)
    _browser.press(keys)
    _browser.wait_for(until)
    values = [_browser.value(script) for script in scripts]
    return Seen(values, list(_browser.console), list(_browser.requests))


class _Browser:
    """One window, and what the page in it did."""

    def __init__(self):
        from PyQt5 import QtWebEngineWidgets as web
        from PyQt5.QtCore import QTimer
        from PyQt5.QtWebEngineCore import QWebEngineUrlRequestInterceptor
        from PyQt5.QtWidgets import QApplication
        self.application = QApplication(['browser'])
        self.wake = QTimer()
        self.console, self.requests = console, requests = [], []

        class Interceptor(QWebEngineUrlRequestInterceptor):

            def interceptRequest(self, request):  # noqa: N802
                requests.append(request.requestUrl().toString()[:200])

        class Page(web.QWebEnginePage):

            def javaScriptConsoleMessage(self, level, message, line, source):  # noqa: N802
                console.append(f'{_LEVELS[level]}: {message} ({source}:{line})')

        self.profile = web.QWebEngineProfile()  # without a name: nothing is stored
        self.interceptor = Interceptor()
        self.view, self.page = web.QWebEngineView(), Page(self.profile)
        self.page.setUrlRequestInterceptor(self.interceptor)
        self.page.settings().setAttribute(  # as other browsers do
            web.QWebEngineSettings.LocalContentCanAccessRemoteUrls, True)
        self.view.setPage(self.page)

    def load(self, path, width):
        from PyQt5.QtCore import QUrl
        self.console.clear()
        self.requests.clear()
        self.view.resize(width, 800)
        self.view.show()
        done = []
        connection = self.page.loadFinished.connect(done.append)
        self.page.load(QUrl.fromLocalFile(str(path)))
        self._handle_events_until(lambda: done)
        self.page.loadFinished.disconnect(connection)
        assert done == [True], path
        self.wait_for(f'innerWidth == {width}')

    def press(self, keys):
        from PyQt5.QtGui import QKeySequence
        from PyQt5.QtTest import QTest
        for key in keys:
            QTest.keySequence(self.view.focusProxy(), QKeySequence(key))

    def value(self, script):
        values = []
        self.page.runJavaScript(script, values.append)
        self._handle_events_until(lambda: values)
        return values[0]

    def wait_for(self, script):
        until = time.monotonic() + _PATIENCE_S
        while not self.value(script):
            if time.monotonic() > until:
                raise TimeoutError(script)

    def _handle_events_until(self, condition):
        from PyQt5.QtCore import QEventLoop
        self.wake.start(1000)
        until = time.monotonic() + _PATIENCE_S
        while not condition():
            self.application.processEvents(QEventLoop.WaitForMoreEvents)
            if time.monotonic() > until:
                raise TimeoutError('the browser does not answer')
