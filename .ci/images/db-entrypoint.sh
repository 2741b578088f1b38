#!/bin/bash
# Entrypoint of the stand-in database images (MySQL and MariaDB).
#
# It behaves as the official images' entrypoints do, as far as a test suite, testcontainers and a compose file can tell:
# the same environment variables, the same "server options as arguments", and the same order of events. An empty data
# directory is initialised by a temporary server that listens on its socket only, so the log says "ready for connections"
# twice on a first start, which is what testcontainers waits for.
set -euo pipefail

datadir=/var/lib/mysql
socket=/run/mysqld/mysqld.sock

log() { printf '%s [Entrypoint] %s\n' "$(date -u +%FT%TZ)" "$*" >&2; }
die() { log "ERROR: $*"; exit 1; }

# Arguments that begin with a dash are options for the server; any other command is run as it is.
if [ $# -eq 0 ] || [ "${1#-}" != "$1" ]; then set -- mysqld "$@"; fi
case "$1" in
    mysqld | mariadbd) ;;
    *) exec "$@" ;;
esac
shift
# A question about the program needs no data directory.
case " $* " in *' --version '* | *' -V '* | *' --help '*) exec mysqld "$@" ;; esac

if [ -x /usr/sbin/mariadbd ]; then
    flavour=mariadb server=/usr/sbin/mariadbd prefix=MARIADB
else
    flavour=mysql server=/usr/sbin/mysqld prefix=MYSQL
fi

# setting NAME: the value of MYSQL_NAME (or MARIADB_NAME in a MariaDB image), or of the file that its _FILE twin names.
setting() {
    local candidate file_variable
    for candidate in "${prefix}_$1" "MYSQL_$1"; do
        file_variable="${candidate}_FILE"
        if [ -n "${!candidate:-}" ]; then printf '%s' "${!candidate}"; return; fi
        if [ -n "${!file_variable:-}" ]; then printf '%s' "$(<"${!file_variable}")"; return; fi
    done
}

# SQL string literal: the only characters that need care inside single quotes are the quote and the backslash.
quoted() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\'\'}"
}

as_mysql=()
if [ "$(id -u)" = 0 ]; then
    install -d -o mysql -g mysql /run/mysqld "$datadir"
    [ "$(stat -c %U "$datadir")" = mysql ] || chown -R mysql:mysql "$datadir"
    as_mysql=(setpriv --reuid=mysql --regid=mysql --init-groups --)
fi
options=(--datadir="$datadir" --socket="$socket" --pid-file=/run/mysqld/mysqld.pid --bind-address=0.0.0.0)
[ "$flavour" = mysql ] && options+=(--mysqlx=OFF)

initialise() {
    local root_password database user password temporary_pid client=(mysql --no-defaults --protocol=socket -uroot)
    root_password=$(setting ROOT_PASSWORD) database=$(setting DATABASE)
    user=$(setting USER) password=$(setting PASSWORD)
    client+=(--socket="$socket")

    if [ -z "$root_password" ]; then
        if [ -n "$(setting RANDOM_ROOT_PASSWORD)" ]; then
            root_password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
            log "GENERATED ROOT PASSWORD: $root_password"
        elif [ -z "$(setting ALLOW_EMPTY_PASSWORD)$(setting ALLOW_EMPTY_ROOT_PASSWORD)" ]; then
            die "no root password: set ${prefix}_ROOT_PASSWORD, ${prefix}_ALLOW_EMPTY_PASSWORD or ${prefix}_RANDOM_ROOT_PASSWORD"
        fi
    fi
    [ "$user" != root ] || die "MYSQL_USER=root is not allowed: root always exists, set MYSQL_ROOT_PASSWORD"
    [ -z "$user" ] || [ -n "$password" ] || die "MYSQL_USER without MYSQL_PASSWORD"

    log "Initialising the data directory"
    if [ "$flavour" = mysql ]; then
        "${as_mysql[@]}" "$server" --no-defaults "${options[@]}" "$@" --initialize-insecure
    else
        mariadb-install-db --user=mysql --datadir="$datadir" --auth-root-authentication-method=normal \
            --skip-test-db >/dev/null
    fi

    log "Starting the temporary server"
    "${as_mysql[@]}" "$server" --no-defaults "${options[@]}" "$@" --skip-networking &
    temporary_pid=$!
    local attempt
    for ((attempt = 0; attempt < 600; attempt++)); do
        if "${client[@]}" -e 'SELECT 1' >/dev/null 2>&1; then break; fi
        kill -0 "$temporary_pid" 2>/dev/null || die "the temporary server ended"
        sleep 0.1
    done

    # Time zone names (CONVERT_TZ('…', 'UTC', 'Asia/Seoul')) come from tables that start empty.
    if [ -z "$(setting INITDB_SKIP_TZINFO)" ]; then
        log "Loading the time zones"
        if [ "$flavour" = mysql ]; then
            mysql_tzinfo_to_sql /usr/share/zoneinfo 2>/dev/null | "${client[@]}" mysql
        else
            mariadb-tzinfo-to-sql --skip-write-binlog /usr/share/zoneinfo 2>/dev/null | "${client[@]}" mysql
        fi
    fi

    {
        # The set-up is no part of what a replica or a point-in-time recovery should replay.
        echo "SET @@SESSION.SQL_LOG_BIN = 0;"
        if [ "$(setting ROOT_HOST)" != localhost ]; then
            echo "CREATE USER root@$(quoted "$(setting ROOT_HOST | grep . || echo %)") IDENTIFIED BY $(quoted "$root_password");"
            echo "GRANT ALL ON *.* TO root@$(quoted "$(setting ROOT_HOST | grep . || echo %)") WITH GRANT OPTION;"
        fi
        if [ -n "$database" ]; then echo "CREATE DATABASE IF NOT EXISTS \`${database//\`/\`\`}\`;"; fi
        if [ -n "$user" ]; then
            echo "CREATE USER $(quoted "$user")@'%' IDENTIFIED BY $(quoted "$password");"
            if [ -n "$database" ]; then
                # In a GRANT the name is a pattern: an underscore would match any character.
                local pattern=${database//_/\\_}
                echo "GRANT ALL ON \`${pattern//\`/\`\`}\`.* TO $(quoted "$user")@'%';"
            fi
        fi
        if [ "$flavour" = mariadb ]; then
            # mariadb-install-db makes these, with no password.
            echo "DROP USER IF EXISTS root@'127.0.0.1', root@'::1', root@$(quoted "$(uname -n)");"
        fi
        # Last, for the connection that sends this has no password yet.
        echo "ALTER USER root@localhost IDENTIFIED BY $(quoted "$root_password");"
    } | "${client[@]}"

    export MYSQL_PWD=$root_password
    local script
    for script in /docker-entrypoint-initdb.d/*; do
        case "$script" in
            *.sh) log "Running $script"; bash "$script" ;;
            *.sql) log "Running $script"; "${client[@]}" ${database:+"$database"} <"$script" ;;
            *.sql.gz) log "Running $script"; gunzip -c "$script" | "${client[@]}" ${database:+"$database"} ;;
        esac
    done
    unset MYSQL_PWD

    log "Stopping the temporary server"
    kill -TERM "$temporary_pid"
    wait "$temporary_pid" || die "the temporary server did not stop cleanly"
    log "Initialised; ready for start up"
}

if [ ! -d "$datadir/mysql" ]; then initialise "$@"; fi

# exec: the server is process 1's own program, so that 'docker stop' reaches it and it shuts down cleanly.
exec "${as_mysql[@]}" "$server" --no-defaults "${options[@]}" "$@"
