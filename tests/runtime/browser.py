# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A real browser (Chromium without a window), and heaptap's HTML in it."""
import importlib.util
import time

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"


class Page:
    """An HTML file, opened from disk; closed at the end of the block."""

    def __init__(self, test, path, dark=False):
        test.need(CHROMIUM, DRIVER)
        if not importlib.util.find_spec("selenium"):
            test.skip("python3-selenium is not installed")
        self.test, self.path, self.dark = test, path, dark

    def __enter__(self):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,1000"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        if self.dark:
            self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
                "features": [{"name": "prefers-color-scheme", "value": "dark"}]})
        began = time.monotonic()
        self.driver.get(f"file://{self.path}")
        self.test.until(lambda: self.run("return document.documentElement.dataset.ready") == "yes",
                        "the page to be ready")
        self.seconds = time.monotonic() - began
        return self

    def __exit__(self, *what):
        complaints = self.driver.get_log("browser")
        self.driver.quit()
        if what == (None, None, None):
            self.test.equal(complaints, [], "what the browser complains of")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).textContent", selector)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def one(self, selector):
        return self.driver.find_element("css selector", selector)

    def key(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains
        ActionChains(self.driver).send_keys(*keys).perform()

    def pixels(self):
        """A screenshot as a PNG file's bytes."""
        return self.driver.get_screenshot_as_png()
