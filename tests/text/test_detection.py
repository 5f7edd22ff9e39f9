import pytest

from chargen.errors import InputError
from chargen.text.decoding import decode
from chargen.text.detection import SAMPLE, likely_encoding

TEXTS = {
    "Russian": "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.\n",  # noqa: RUF001
    "Japanese": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n",
    "Chinese": "从前有一个小村庄，村子里住着一位老人和他的孙女。每天早晨，老人都会带着孙女到河边去打水。\n",  # noqa: RUF001
    "rare Chinese": "僐勛嚝唈俾励勋厠专偻到圑唽勿唻匝佰判哠咋嗀協僌嗳乡偲吓亰味啠偐内\n",
    "Korean": "옛날 옛적에 작은 마을에 할머니와 손녀가 살고 있었습니다.\n",
    "German": "Als Gregor Samsa eines Morgens aus unruhigen Träumen erwachte, fand er sich in seinem Bett.\n",
    "quoting German": "„Was ist mit mir geschehen?“ dachte er … über dem Tisch hing ein Bild, das war schön.\n",
    "Swedish": "Det var en gång en gammal gubbe vid havet. På kvällen åt han ärtsoppa med öl till.\n",
    "Hungarian": "Az őszi éjben hullnak a levelek, a fűzfák alatt csendesen úszik a folyó. Tűnődve ül az öreg író.\n",
    "Polish": "Litwo! ty jesteś jak zdrowie; ten tylko się dowie, kto cię stracił. Dziś piękność twą widzę w całej.\n",
    "Greek": "Μια φορά κι έναν καιρό ήταν ένας γέρος ψαράς που ζούσε σε ένα μικρό χωριό δίπλα στη θάλασσα.\n",  # noqa: RUF001
    "Turkish": "Çocuklar onu çok severdi, şarkılar söylerdi; akşamları evine dönerdi, balıkçı yaşlıydı.\n",
}
CASES = [
    *(("Russian", encoding) for encoding in ("cp1251", "koi8-r", "iso8859-5", "cp866", "utf-16-le", "utf-16-be")),
    *(("Japanese", encoding) for encoding in ("shift_jis", "euc-jp", "utf-16-be")),
    *(("Chinese", encoding) for encoding in ("gb18030", "gbk", "gb2312", "utf-16-le", "utf-16-be", "utf-32-be")),
    *(("Korean", encoding) for encoding in ("euc-kr", "cp949")),
    *(("German", encoding) for encoding in ("latin-1", "cp437", "utf-16-le", "utf-16")),
    *(("Polish", encoding) for encoding in ("cp1250", "iso8859-2")),
    *[("rare Chinese", "gbk"), ("quoting German", "cp1252"), ("Swedish", "latin-1"), ("Hungarian", "cp1250")],
    *[("Greek", "cp1253"), ("Turkish", "cp1254")],
]


@pytest.mark.parametrize("failed", ["utf-8", "ascii", "cp1252"])
@pytest.mark.parametrize(("language", "encoding"), CASES)
def test_the_likely_encoding_reads_the_text(language, encoding, failed):
    if failed == "cp1252" and encoding in ("latin-1", "cp1252", "cp437"):
        pytest.skip("cp1252 can read this text")
    text = "chapter one\n" + TEXTS[language] * 50
    data = text.encode(encoding)
    likely = likely_encoding(data, failed)
    assert decode(data, "letter", likely)[0] == text


@pytest.mark.parametrize("encoding", ["mac_roman", "mac_cyrillic"])
def test_the_line_ends_of_an_old_macintosh_tell_its_encodings(encoding):
    text = (TEXTS["quoting German" if encoding == "mac_roman" else "Russian"] * 3).replace("\n", "\r")
    assert text.encode(encoding).decode(likely_encoding(text.encode(encoding), "utf-8")) == text


def test_an_encoding_that_has_failed_is_not_named_again():
    assert likely_encoding(b"caf\xe9 \x81", "cp1252") == ""
    assert likely_encoding("Tür".encode("utf-16"), "utf-16") == ""


def test_binary_data_with_nuls_is_in_no_encoding():
    assert likely_encoding(bytes(range(256)) * 4, "utf-8") == ""
    assert likely_encoding(b"text\0more", "utf-8") == ""


def test_a_late_quotation_mark_tells_windows_from_latin_1():
    assert likely_encoding(b"\xe9" + b"a" * (SAMPLE - 2) + b"\x93", "utf-8") == "cp1252"
    assert likely_encoding(b"\xe9" + b"a" * SAMPLE, "utf-8") == "latin-1"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"%PDF-1.7 ...", "a PDF, not plain text; turn it into plain text, for example with pdftotext, and give that"),
        (b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml ... word/document.xml", "a Word document, not plain text;"),
        (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/epub+zip", "an e-book (EPUB), not plain text;"),
        (b"PK\x03\x04" + bytes(26) + b"poem.txt", "a ZIP archive, not plain text; unpack it"),
        (b"\xff\xd8\xff\xe0", "an image, not plain text; give its words as a plain text file"),
        (b"{\\rtf1\\ansi Dear", "a document in RTF, not plain text; save it as plain text"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
def test_files_that_are_no_plain_text_are_named(data, said, encoding):
    with pytest.raises(InputError) as caught:
        decode(data, "letter", encoding)
    assert str(caught.value).startswith(f"letter is {said}")
