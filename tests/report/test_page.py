import re

from chargen.report.page import page


def test_a_page_is_whole_and_its_data_cannot_end_the_script():
    made = page("a <title>", "units", {"text": "</script><b>"})
    assert made.count("a &lt;title&gt;") == 2
    assert 'const data = {"text": "\\u003c/script>\\u003cb>"};\nconst find = ' in made
    assert made.count("<script>") == made.count("</script>") == made.count("<style>") == made.count("</style>") == 1
    assert made.index(":root") < made.index("--negative") < made.index('id="findings"') < made.index("activations")
    assert "http:" not in made  # nothing is fetched, and nothing could be
    assert "https:" not in made


def test_the_policy_allows_the_script_and_the_style_alone():
    policy = re.search(r'content="(default-src[^"]*)"', page("a title", "units", {}))[1]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert policy.count("sha256-") == 2
    assert "unsafe-inline" not in policy
