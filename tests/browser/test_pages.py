"""What a user sees in a real browser, from the page of the Identity Center to the token."""

import re
import stat
import urllib.parse

from identity_center import ACCOUNT, PROFILE, SESSION, START_URL
from selenium.webdriver.common.by import By
from waiting import wait_for

# WCAG 2.2, 1.4.3 and 1.4.6: large and small text is read by everybody from here on.
CONTRAST = 4.5


def click(browser, decision):
    """Clicks on the page of the Identity Center."""
    browser.find_element(By.CSS_SELECTOR, f"button[value={decision}]").click()


def check(browser, heading, *texts):
    """The page is the one with this heading, is whole, and the browser has nothing to complain about."""
    # A click is over before the page that it leads to is there.
    wait_for(heading, lambda: browser.title == f"{heading} – sso-refresh")
    wait_for(heading, lambda: browser.execute_script("return document.readyState") == "complete")
    assert browser.find_element(By.TAG_NAME, "h1").text == heading
    text = browser.find_element(By.TAG_NAME, "main").text
    for wanted in texts:
        assert wanted in text, text
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"
    assert not browser.find_elements(By.TAG_NAME, "script")
    # The browser says of every answer that is an error that it is one; of a page that breaks its policy too.
    complaints = [entry["message"] for entry in browser.get_log("browser") if "the server responded" not in entry["message"]]
    assert complaints == []
    check_style(browser)


def check_style(browser):
    """The style is applied, the text can be read, and nothing needs to be scrolled sideways."""
    main = browser.find_element(By.TAG_NAME, "main")
    card = colour(main.value_of_css_property("background-color"))
    assert (luminance(card) < 0.5) == (browser.scheme == "dark"), card
    for element in main.find_elements(By.CSS_SELECTOR, "h1, p, code, footer"):
        ground = colour(element.value_of_css_property("background-color"), card)
        assert contrast(colour(element.value_of_css_property("color")), ground) >= CONTRAST, element.text
    for width in (900, 320):
        browser.set_window_size(width, 700)
        wide = browser.execute_script("return document.documentElement.scrollWidth > window.innerWidth")
        assert not wide, width
    browser.set_window_size(900, 700)


def colour(text, transparent=None):
    *channels, alpha = ([float(part) for part in re.findall(r"[\d.]+", text)] + [1.0])[:4]
    return channels if alpha else transparent


def luminance(channels):
    """WCAG 2.2: relative luminance."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (channel / 255 for channel in channels)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def callback(url, **query):
    """An address that the browser could come back to."""
    [uri] = urllib.parse.parse_qs(urllib.parse.urlparse(url).query)["redirect_uri"]
    return f"{uri}?{urllib.parse.urlencode(query)}"


def state(url):
    return urllib.parse.parse_qs(urllib.parse.urlparse(url).query)["state"][0]


def test_a_click_leads_to_a_token_that_every_program_can_use(machine, browser, picture):
    with machine.login() as login:
        browser.get(login.url)
        assert browser.find_element(By.TAG_NAME, "h1").text == "Allow access?"
        assert f"sso-refresh-{SESSION}" in browser.page_source
        picture("0-identity-center")
        click(browser, "approve")
        check(browser, "You are signed in", SESSION, START_URL, "return to the terminal", "in the background")
        picture("1-signed-in")
    assert login.returncode == 0, login.said
    assert stat.S_IMODE(machine.token_file.stat().st_mode) == 0o600
    assert machine.token()["startUrl"] == START_URL
    assert machine.registration()["grantTypes"] == ["authorization_code", "refresh_token"]
    identity = machine.aws("sts", "get-caller-identity", "--profile", PROFILE)
    assert identity["Account"] == ACCOUNT["accountId"]
    operations = machine.simulator.operations()
    assert operations.count("RegisterClient") == operations.count("CreateToken") == 1


def test_a_refusal(machine, browser, picture):
    with machine.login() as login:
        browser.get(login.url)
        click(browser, "deny")
        check(browser, "Sign-in refused", SESSION, f"sso-refresh login {SESSION}")
        picture("2-refused")
    assert login.returncode == 1, login.said
    assert not machine.token_file.exists()


def test_pages_that_are_no_answer_and_then_the_answer(machine, browser, picture):
    with machine.login() as login:
        browser.get(callback(login.url, code="of-another-sign-in", state="guess"))
        check(browser, "The wrong tab", SESSION, "the tab that was opened last")
        picture("3-wrong-tab")
        browser.get(callback(login.url, state=state(login.url)))
        check(browser, "This can’t be read", "still waits")
        picture("4-unreadable")
        browser.get(callback(login.url).replace("/oauth/callback", "/"))
        check(browser, "Nothing is here")
        picture("5-nothing-here")
        browser.get(login.url)
        click(browser, "approve")
        check(browser, "You are signed in")
    assert login.returncode == 0, login.said


def test_a_failure_tells_what_and_why_as_text(machine, browser, picture):
    machine.simulator.faults("CreateToken:InvalidGrantException")
    with machine.login() as login:
        browser.get(login.url)
        click(browser, "approve")
        check(browser, "Sign-in failed", SESSION, "invalid_grant", f"sso-refresh login {SESSION}")
        picture("6-failed")
    assert login.returncode == 1, login.said
    machine.simulator.faults()
    with machine.login() as login:
        said = "<script>document.title='theirs'</script>"
        browser.get(callback(login.url, error="server_error", error_description=said, state=state(login.url)))
        check(browser, "Sign-in failed", said)
    assert login.returncode == 1, login.said


def test_the_second_tab_is_told_that_the_first_was_faster(machine, browser, picture):
    # Long enough for the second on a busy machine, and less than the program waits for an answer.
    machine.simulator.faults("CreateToken:delay=15s")
    with machine.login() as login:
        # Approved twice: the first is being exchanged while the second comes.
        ways = []
        for _ in range(2):
            status, _, html = machine.simulator.request(login.url)
            assert status == 200
            [request] = re.findall(r'name="request" value="([^"]+)"', html)
            body = urllib.parse.urlencode({"request": request, "decision": "approve"})
            ways.append(machine.simulator.request("/authorize", body)[1]["Location"])
        browser.execute_script("window.open(arguments[0])", ways[0])
        windows = browser.window_handles
        browser.switch_to.window(windows[0])
        wait_for("the first exchange", lambda: "CreateToken" in machine.simulator.operations())
        browser.get(ways[1])
        check(browser, "Already answered", "return to the terminal")
        picture("7-answered")
        browser.switch_to.window(windows[1])
        browser.close()
        browser.switch_to.window(windows[0])
    assert login.returncode == 0, login.said
