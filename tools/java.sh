#!/bin/sh
# Builds the Maven project in folder $1 (the order example's workers in Java); as root it installs Debian's JDK and Maven
# where they are missing. Where that is not possible it says what is not tested, and fails in continuous integration only.
set -eu
. "$(dirname "$0")/debian.sh"
project=$1

complete() {
    command -v java >/dev/null && command -v javac >/dev/null && command -v mvn >/dev/null
}

if ! complete && can_install; then
    install_packages default-jdk-headless maven
fi
if ! complete; then
    echo 'NOTHING OF THE JAVA CLIENT IS TESTED: no java, javac and mvn. sudo apt-get install default-jdk-headless maven' >&2
    [ "${CI:-}" != true ]
    exit
fi

echo "Building $project …"
cd "$project"
mvn --quiet --batch-mode -Dstyle.color=never --no-transfer-progress package
touch target/*.jar # make compares its age with that of the sources; Maven leaves it alone when nothing has changed
