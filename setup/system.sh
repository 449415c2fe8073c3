# System packages by apt, only those that are missing. Sourced by setup.sh.

BUILD_PACKAGES="build-essential pkg-config swig uuid-dev libssl-dev libsrtp2-dev libopus-dev libspandsp-dev libspeexdsp-dev"
PYTHON_PACKAGES="python3-dev python3-venv"
SPEECH_PACKAGES="espeak-ng"
TEST_PACKAGES="sip-tester baresip mosquitto mosquitto-clients tshark postgresql chromium fonts-dejavu-core"

# missing_packages NAME...: those that dpkg does not know as installed.
missing_packages() {
    local package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || printf '%s ' "$package"
    done
}

# install_packages NAME...: the step. Without root it uses sudo; without sudo it says what to run and stops.
install_packages() {
    local missing command
    begin "System packages"
    if ! command -v dpkg-query >/dev/null; then
        say "$HEAD: this is no Debian; please install what these Debian packages hold: $*"
        return 0
    fi
    missing=$(missing_packages "$@")
    if [ -z "$missing" ]; then
        already
        return 0
    fi
    command="apt-get update && apt-get install --no-install-recommends -y ${missing% }"
    if [ "$(id -u)" -eq 0 ]; then
        logged system apt_install "" $missing
    elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then
        logged system apt_install sudo $missing
    else
        say "$HEAD: please run this as root, then the same make command again: $command"
        return 1
    fi
}

# apt_install PREFIX NAME...: also mends what an interrupted run left half configured.
apt_install() {
    local root="$1"
    shift
    $root dpkg --configure -a
    $root apt-get -o DPkg::Lock::Timeout=300 update
    $root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
        install --no-install-recommends -y "$@"
}
