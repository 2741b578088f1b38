#!/bin/bash
# Makes the base images that the tests and the product's Dockerfile name, from Debian packages, where they are missing:
# for machines that reach Debian's packages but no image registry. An image that was pulled is left as it is.
#
#   .ci/images/build.sh mysql python haproxy prometheus [mariadb]
#
# They are named by the versions that registries have; Debian's are of the same series, and not always as new.
#
# The result stays in the engine, so that a second run on the same machine finds it. An image made here carries the
# checksum of its recipe in a label and is made again when the recipe has changed.
set -euo pipefail
# shellcheck source=../lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

label=ecommerce.standin.recipe
work=$(mktemp -d)
cleanup() {
    # A bootstrap that was interrupted may have left these mounted; removing through them would empty the real ones.
    local mounted
    awk -v top="$work/" 'index($2, top) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mounted; do
        umount "$mounted" || true
    done
    rm -rf --one-file-system "$work"
}
trap cleanup EXIT

recipe() { cat "$ci_dir/images/build.sh" "$ci_dir/images/db-entrypoint.sh" | sha256sum | cut -d' ' -f1; }

present() {
    local found
    found=$(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$1" 2>/dev/null) || return 1
    # No label: not ours, and so the real one.
    [ -z "$found" ] || [ "$found" = '<no value>' ] || [ "$found" = "$(recipe)" ]
}

# The Debian mirror that this machine's apt uses, whatever the format of its configuration; empty when apt can't tell,
# which makes debootstrap use its default.
mirror() {
    # shellcheck disable=SC2016  # apt-get fills these in
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null | head -n 1
}

# bootstrap SUITE PACKAGES(comma-separated): a Debian tree in $work/SUITE-…; prints nothing, sets $root.
bootstrap() {
    local suite=$1 packages=$2 uri
    root=$(mktemp -d "$work/$suite.XXXXXX")
    uri=$(mirror || true)
    if ! debootstrap --variant=minbase --include="$packages" "$suite" "$root" ${uri:+"$uri"} >"$root.log" 2>&1; then
        tail -n 20 "$root.log" >&2
        return 1
    fi
    chmod 755 "$root"
    # What an image doesn't need.
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/usr/share/doc/* \
        "$root"/usr/share/man/* "$root"/usr/share/locale/*
}

# import_image TAG CHANGE…: $root as an image.
import_image() {
    local tag=$1 changes=() change old
    shift
    old=$(docker image inspect --format '{{.Id}}' "$tag" 2>/dev/null || true)
    for change in "$@" "LABEL $label=$(recipe)"; do changes+=(--change "$change"); done
    tar --numeric-owner --one-file-system -C "$root" -c . | docker import "${changes[@]}" - "$tag" >/dev/null
    # The one before it, of an older recipe, has no name any more; what was built on it may still need it.
    [ -z "$old" ] || docker image rm "$old" >/dev/null 2>&1 || true
    rm -rf --one-file-system "$root"
}

import_database() {
    local tag=$1 mapping
    # Debian's server-core packages have no user of their own; MariaDB's server package makes one.
    # The number that the official images give.
    if chroot "$root" getent passwd mysql >/dev/null; then
        chroot "$root" sh -c 'groupmod -g 999 mysql && usermod -u 999 -g mysql mysql'
    else
        chroot "$root" sh -c 'groupadd -r -g 999 mysql && useradd -r -u 999 -g mysql -d /var/lib/mysql -s /bin/false mysql'
    fi
    # The packages may have initialised a data directory: the entrypoint must find it empty.
    rm -rf "$root/var/lib/mysql"
    mkdir -p "$root/docker-entrypoint-initdb.d"
    mapping=$(chroot "$root" sh -c 'id -u mysql; id -g mysql' | paste -sd:)
    # mysql-files is where the server is built to look for files to load; it won't start without it.
    install -d -o "${mapping%:*}" -g "${mapping#*:}" -m 750 "$root/var/lib/mysql" "$root/var/lib/mysql-files"
    install -m 755 "$ci_dir/images/db-entrypoint.sh" "$root/usr/local/bin/docker-entrypoint.sh"
    import_image "$tag" 'ENTRYPOINT ["docker-entrypoint.sh"]' 'CMD ["mysqld"]' 'VOLUME /var/lib/mysql' 'EXPOSE 3306' \
        'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
}

build_mariadb() {
    bootstrap bookworm mariadb-server,mariadb-client,tzdata || return 1
    import_database "$1"
}

build_mysql() {
    # Debian carries MySQL only in its unstable release.
    local wanted=${1##*:} found
    wanted=${wanted%.*} # of a series Debian has one version
    if bootstrap sid mysql-server-core,mysql-client-core,tzdata; then
        found=$(chroot "$root" mysqld --version)
        case "$found" in
            *"Ver $wanted."*) ;;
            *) say "WARNING: the image $1 is wanted, and Debian has: $found" ;;
        esac
        import_database "$1"
    else
        say "WARNING: *************************************************************************"
        say "WARNING: MySQL could not be had from Debian unstable. The image $1 is made from"
        say "WARNING: MariaDB of Debian 12 instead: these tests do NOT prove anything for MySQL."
        say "WARNING: *************************************************************************"
        build_mariadb "$1"
    fi
}

build_python() {
    bootstrap bookworm python3,python3-venv,python3-pip,libpython3-dev,ca-certificates,netbase,tzdata || return 1
    # As in the official image: the interpreter by both names in /usr/local/bin, and a pip that installs for all.
    local name
    ln -s /usr/bin/python3 "$root/usr/local/bin/python3"
    ln -s /usr/bin/python3 "$root/usr/local/bin/python"
    for name in pip pip3; do ln -s /usr/bin/pip3 "$root/usr/local/bin/$name"; done
    rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED

    # This machine may reach its package registries through a certificate authority and settings of its own. They go
    # into the base image, so that the product's Dockerfile builds here unchanged and knows nothing of them.
    local certificate
    mkdir -p "$root/usr/local/share/ca-certificates"
    for certificate in /usr/local/share/ca-certificates/*.crt; do
        [ -e "$certificate" ] && cp "$certificate" "$root/usr/local/share/ca-certificates/"
    done
    if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
        cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/machine-ca-bundle.crt"
        chroot "$root" update-ca-certificates >/dev/null 2>&1 || true
        cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
        # pip and apt are pointed at a copy that no later update-ca-certificates rewrites.
        echo 'Acquire::https::CaInfo "/etc/ssl/machine-ca-bundle.crt";' >"$root/etc/apt/apt.conf.d/90machine-ca"
        printf '[global]\ncert = /etc/ssl/machine-ca-bundle.crt\n' >"$root/etc/pip.conf"
        local index
        index=$(PIP_CONFIG_FILE=/etc/pip.conf python3 -m pip config get global.index-url 2>/dev/null || true)
        [ -z "$index" ] || printf 'index-url = %s\n' "$index" >>"$root/etc/pip.conf"
    fi
    apt-config dump Acquire::http::Proxy | grep . >"$root/etc/apt/apt.conf.d/91machine-proxy" || true
    apt-config dump Acquire::https::Proxy | grep . >>"$root/etc/apt/apt.conf.d/91machine-proxy" || true
    # As in the official image: no documentation, and nothing that apt keeps for a next time.
    printf 'path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-exclude /usr/share/locale/*\n' \
        >"$root/etc/dpkg/dpkg.cfg.d/docker"
    cat >"$root/etc/apt/apt.conf.d/docker-clean" <<'END'
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true"; };
END
    import_image "$1" 'CMD ["python3"]' 'ENV LANG=C.UTF-8' \
        'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin'
}

build_haproxy() {
    bootstrap bookworm haproxy || return 1
    import_image "$1" 'USER haproxy' 'CMD ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]' \
        'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin'
}

build_prometheus() {
    bootstrap bookworm prometheus || return 1
    install -d -o 65534 -g 65534 "$root/prometheus"
    import_image "$1" 'USER 65534:65534' 'VOLUME /prometheus' 'ENTRYPOINT ["prometheus"]' \
        'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin'
}

tag_of() {
    case "$1" in
        mysql) echo mysql:9.7.1 ;;
        mariadb) echo mariadb:10.11.18 ;;
        haproxy) echo haproxy:2.6.31 ;;
        prometheus) echo prom/prometheus:v2.42.0 ;;
        python) echo python:3.11.15-slim-bookworm ;;
        *) fail "no such image: $1" ;;
    esac
}

wanted=()
for name in "$@"; do
    tag=$(tag_of "$name")
    if present "$tag"; then say "image $tag is there"; else wanted+=("$name"); fi
done
[ ${#wanted[@]} -gt 0 ] || exit 0

[ "$(id -u)" -eq 0 ] || fail "making ${wanted[*]} needs root"
ensure_packages debootstrap debian-archive-keyring

# Side by side: they wait for the network and for dpkg by turns.
pids=()
for name in "${wanted[@]}"; do
    (
        trap - EXIT
        started=$SECONDS
        "build_$name" "$(tag_of "$name")"
        say "made the image $(tag_of "$name") in $((SECONDS - started))s"
    ) &
    pids+=($!)
done
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=1; done
[ "$status" -eq 0 ] || fail "an image could not be made"
