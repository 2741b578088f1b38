# shellcheck shell=bash
# Docker Compose for the scripts that run the shop by it. Source it. COMPOSE_OPTIONS picks another project or file.

compose() {
    # shellcheck disable=SC2086  # they are several words
    if docker compose version >/dev/null 2>&1; then
        docker compose ${COMPOSE_OPTIONS:-} "$@"
    else
        docker-compose ${COMPOSE_OPTIONS:-} "$@"
    fi
}

# Where the database is: of a cluster, one of its nodes.
database=${DATABASE_SERVICE:-db}

# Whether Compose's database is up.
runs_in_compose() {
    command -v docker >/dev/null && [ -n "$(compose ps -q "$database" 2>/dev/null)" ] &&
        [ "$(docker inspect --format '{{.State.Running}}' "$(compose ps -q "$database")")" = true ]
}

# in_database_as USER PROGRAM ARGUMENT…: a client program in the database's container, over its socket. The password
# stays in there. Of MariaDB's programs only some images have MySQL's names: mysqldump is mariadb-dump.
in_database_as() {
    # shellcheck disable=SC2016  # for the container's shell
    compose exec -T "$database" sh -c '
        case $1 in root) MYSQL_PWD=$MYSQL_ROOT_PASSWORD ;; *) MYSQL_PWD=$MYSQL_PASSWORD ;; esac
        export MYSQL_PWD
        user=$1 program=$2 rest=${2#mysql}
        shift 2
        command -v "$program" >/dev/null || program=mariadb${rest:+-$rest}
        exec "$program" --no-defaults --user="$user" "$@"' _ "$@"
}

is_mariadb() { compose exec -T "$database" sh -c 'command -v mariadbd' </dev/null >/dev/null; }
