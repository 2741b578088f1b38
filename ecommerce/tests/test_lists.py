"""Lists that must say the same: the settings, their table, Compose's; packages and their hashes."""

import re
from pathlib import Path

import yaml

from ecommerce.checks import check_hosts

ROOT = Path(__file__).resolve().parents[2]
NOT_OF_COMPOSE = {
    "READ_DOT_ENV": "there is no .env in the image",
    "TEST_SQLITE": "no tests run there",
    "STATIC_ROOT": "the image has its files already",
    "DATABASE_CA": "its database is on a network of its own",
    "HOST": "only the proxy reaches it, at the image's own",
    "PORT": "only the proxy reaches it, at the image's own",
    "RELAY": "there is a service of that name",
}
READ = re.compile(r'(?:(?:env|environment\(\))\.\w+|_database)\(\s*"([A-Z_]+)"')


def settings_read():
    files = [ROOT / "ecommerce" / name for name in ("settings.py", "logs.py", "environment.py")]
    return {name for file in files for name in READ.findall(file.read_text())}


def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_the_table_has_every_setting_and_no_other():
    text = (ROOT / "docs" / "operations.md").read_text()
    table = text.split("\n## Settings\n")[1].split("\n## ")[0]
    rows = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `")]

    assert {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)} == settings_read()


def test_every_setting_reaches_the_containers():
    services = compose()["services"]
    wanted = settings_read() - NOT_OF_COMPOSE.keys()

    for name in ("app1", "app2", "migrate"):
        assert services[name]["environment"].keys() - {"SEED_DEMO"} == wanted


def test_the_page_names_those_that_do_not():
    text = (ROOT / "docs" / "operations.md").read_text()
    said = text.split("but for those that Compose gives them itself")[1].split(
        "Compose itself reads"
    )[0]

    assert set(re.findall(r"`([A-Z_]+)`", said)) == {"DATABASE_URL", *NOT_OF_COMPOSE}


def test_what_is_not_set_is_not_set_in_the_containers_either():
    fixed = {name: value for name, value in compose()["x-app"]["environment"].items() if value}

    assert fixed.keys() == {
        "SECRET_KEY",
        "DATABASE_URL",
        "BEHIND_PROXY",
        "NUM_PROXIES",
        "ALLOWED_HOSTS",
        "SERVERS",
    }


def test_no_container_may_more_than_it_needs():
    for name, service in compose()["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name
        assert service["logging"]["options"] == {"max-size": "20m", "max-file": "5"}, name


IMAGE = re.compile(r"\b(mysql|mariadb|haproxy|prom/prometheus|python):([\w.-]+)")
VERSION = re.compile(r"v?\d+\.\d+\.\d+(-[a-z-]+)?")
OWN_IMAGE = "${APP_IMAGE:-ecommerce:local}"


def test_every_image_has_a_full_version_and_the_same_everywhere():
    """What is not said is `latest`; what is said by halves changes by itself."""
    cluster = yaml.safe_load((ROOT / "deploy" / "cluster" / "compose.yml").read_text())
    images = [
        service["image"]
        for service in (*compose()["services"].values(), *cluster["services"].values())
        if "image" in service and service["image"] != OWN_IMAGE
    ]
    dockerfile = (ROOT / "Dockerfile").read_text()
    files = [
        *("docker-compose.yml", "deploy/cluster/compose.yml", "Dockerfile"),
        *("ecommerce/tests/on_mysql.py", "benchmarks/stack.py", ".ci/images/build.sh"),
        *("docs/operations.md", "README.md", "README.ko.md"),
    ]
    named = {found for file in files for found in IMAGE.findall((ROOT / file).read_text())}

    assert all(re.fullmatch(rf"\${{\w+:-{IMAGE.pattern}}}", image) for image in images), images
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"${PYTHON_IMAGE}"}
    assert sorted(name for name, _ in named) == [
        *("haproxy", "mariadb", "mysql", "prom/prometheus", "python")
    ]
    assert all(VERSION.fullmatch(version) for _, version in named), named


def test_make_says_nothing_in_the_place_of_dot_env():
    """What it exports goes before `.env`: a restore would put another database's image in place."""
    makefile = (ROOT / "Makefile").read_text()
    exported = {
        name
        for names in re.findall(r"^export ([A-Z_ ]+)", makefile, re.MULTILINE)
        for name in names.split()
    }
    read = re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text())

    assert exported == {"PORT", "BASE_URL", "TESTS", "MINUTES"}
    # Of PORT, scripts/serve.py knows when nobody has said it.
    assert exported & (settings_read() | set(read)) == {"PORT"}


def test_the_databases_user_has_a_name_and_no_number():
    """Each image gives it another number."""
    cluster = yaml.safe_load((ROOT / "deploy" / "cluster" / "compose.yml").read_text())

    users = [
        compose()["services"]["db"]["user"],
        *(cluster["services"][name]["user"] for name in ("db1", "db2", "db3")),
    ]

    assert set(users) == {"mysql"}


def test_who_only_starts_compose_is_warned_that_the_shop_has_no_name(settings):
    """Prometheus asks the servers by names of their own."""
    default = compose()["x-app"]["environment"]["ALLOWED_HOSTS"]
    settings.ALLOWED_HOSTS = default.replace("${ALLOWED_HOSTS:-localhost}", "localhost").split(",")
    assert [one.id for one in check_hosts()] == ["ecommerce.W004"]

    settings.ALLOWED_HOSTS = default.replace("${ALLOWED_HOSTS:-localhost}", "a.example").split(",")
    assert check_hosts() == []


def test_the_image_installs_what_is_required_by_hash():
    name_of = re.compile(r"^([\w.-]+)(?:\[\w+\])?==(\S+)", re.MULTILINE)
    lock = (ROOT / "requirements.lock").read_text()

    def pinned(text):
        return {name.lower().replace("_", "-"): version for name, version in name_of.findall(text)}

    required = pinned((ROOT / "requirements.txt").read_text())
    locked = pinned(lock)
    assert required.items() <= locked.items(), "run make lock"
    blocks = re.split(r"\n(?=\S)", lock.split("\n", 1)[1])
    assert len(blocks) == len(locked)
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_containers_of_a_cluster_neither():
    """The way to the database keeps what Compose gives the database that it takes the place of."""
    services = yaml.safe_load((ROOT / "deploy" / "cluster" / "compose.yml").read_text())["services"]
    services["db"] = compose()["services"]["db"] | services["db"]
    for name in ("app1", "app2"):
        assert services.pop(name).keys() == {"environment"}

    assert services.keys() == {"db", "check", "db1", "db2", "db3"}
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert name == "db" or "ports" not in service, name


def test_the_nodes_of_a_cluster_are_called_the_same_everywhere():
    folder = ROOT / "deploy" / "cluster"
    nodes = ["db1", "db2", "db3"]
    services = yaml.safe_load((folder / "compose.yml").read_text())["services"]

    assert services["check"]["command"][-3:] == nodes
    assert re.findall(
        r"^    server (\w+) (\w+):3306$", (folder / "haproxy.cfg").read_text(), re.M
    ) == 2 * [(node, node) for node in nodes]
    seeds = re.search(r"group-seeds = (.*)", (folder / "node.cnf").read_text())
    assert seeds.group(1).split(",") == [f"{node}:3306" for node in nodes]
    assert f"nodes=({' '.join(nodes)})" in (ROOT / "scripts" / "cluster").read_text()
