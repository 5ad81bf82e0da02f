#!/usr/bin/env bash
# Runs in a fresh Debian (scripts/debian-root): install twice, use, remove, erase. Stops at the first thing that is wrong.
set -euo pipefail

# The tree as it is now: whoever works on it meanwhile does not disturb the comparison
mkdir /tree
(cd /src && cp -r firmware hardware models scripts pyproject.toml README.md LICENSE SECURITY.md /tree)

step() { printf 'step: %s\n' "$*"; }
as() { setpriv --reuid "$1" --regid trichoscope --init-groups bash -c "umask 0007; $2"; }
# Everything that an installation could have left behind, except what belongs to Debian's packages
places() {
    find /etc /opt /usr/local /var/lib /boot /srv /home -xdev \
        ! -path '/var/lib/apt*' ! -path '/var/lib/dpkg*' ! -path '/var/lib/systemd*' ! -path '/etc/ssl*' ! -name '*.pyc' \
        ! -path '/etc/passwd*' ! -path '/etc/group*' ! -path '/etc/shadow*' ! -path '/etc/gshadow*' ! -path '*/__pycache__' \
        ! -path '/etc/ld.so.cache' ! -path '/etc/.pwd.lock' ! -path '/var/lib/python*' ! -path '/usr/local/lib/python*' "$@"
}
content() { places -type f -exec sha256sum {} + | sort -k 2; }

mkdir -p /boot/firmware
printf 'arm_64bit=1\n' >/boot/firmware/config.txt
cp /boot/firmware/config.txt /root/config.txt
# Debian packages stay, so they are there before the comparison begins; the first refusal is about the user
setpriv --reuid 65534 --clear-groups /tree/scripts/install 2>/root/refused && exit 1
grep -q 'needs root' /root/refused
step refuses whoever is not root

apt-get update --quiet=2
DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends python3-venv python3-evdev device-tree-compiler >/dev/null 2>&1
places | sort >/root/before
cut -d: -f1 /etc/passwd /etc/group | sort >/root/before-names

/tree/scripts/install
content >/root/once
/tree/scripts/install
# RECORD and its kin say when pip installed; the SBOM has a date
content >/root/twice
diff <(grep -v -e dist-info -e sbom /root/once) <(grep -v -e dist-info -e sbom /root/twice)
step the second installation changes nothing
[[ $(grep -c trichoscope /boot/firmware/config.txt) == 1 && -s /boot/firmware/overlays/trichoscope.dtbo ]]
python3 -c 'import json; print(len(json.load(open("/opt/trichoscope/share/sbom.cdx.json"))["components"]), "parts in the SBOM")'

for unit in trichoscope.service trichoscope-sync.timer; do
    [[ $(systemctl is-enabled "$unit") == enabled ]]
done
systemd-analyze verify --man=no /etc/systemd/system/trichoscope*.service /etc/systemd/system/trichoscope*.timer
step systemd takes the units, and their programs are there

cd /root
trichoscope render scalps --count 1 --style clipped --seed 1 --size 800x600 --scale-um 2.77
trichoscope analyze scalps --scale-um 2.77 --json reading.json >/dev/null
hairs=$(python3 -c 'import json; print(json.load(open("reading.json"))["readings"][0]["counts"]["total"])')
((hairs > 5))
step "the program measures: $hairs hairs on the rendered scalp"

keep='import sys; from pathlib import Path; from trichoscope.clock import SystemClock; from trichoscope.records import Store
with Store(Path("/var/lib/trichoscope"), SystemClock(), create=True) as store:
    store.note("drill", {}, by=sys.argv[1]); print(store.check())'
for user in trichoscope trichoscope-sync trichoscope; do
    [[ $(as "$user" "/opt/trichoscope/bin/python -c '$keep' $user") == "[]" ]]
done
setpriv --reuid 65534 --regid 65534 --clear-groups cat /var/lib/trichoscope/records.db 2>/dev/null && exit 1
setpriv --reuid 65534 --regid 65534 --clear-groups ls /var/lib/trichoscope 2>/dev/null && exit 1
step both users write the records, nobody else reads them
as trichoscope 'ls /etc/trichoscope/clinic' 2>/dev/null && exit 1
as trichoscope-sync 'ls /etc/trichoscope/clinic'
step the key to the clinic is for the program that sends

echo '# kept' >>/etc/trichoscope/trichoscope.toml
/tree/scripts/install >/dev/null
grep -q '# kept' /etc/trichoscope/trichoscope.toml
step settings survive an update

/tree/scripts/install --remove
[[ ! -e /opt/trichoscope && ! -e /usr/local/bin/trichoscope && -s /var/lib/trichoscope/records.db && -s /etc/trichoscope/trichoscope.toml ]]
diff /root/config.txt /boot/firmware/config.txt
step removed, records and settings kept
/tree/scripts/install --remove >/dev/null
/tree/scripts/install --erase
places | sort >/root/after
diff /root/before /root/after
cut -d: -f1 /etc/passwd /etc/group | sort | diff <(printf '%s\n' gpio i2c | sort - /root/before-names) -
step erased, nothing is left but the groups gpio and i2c
