#!/usr/bin/env bash
# The night: orders that came in by day go into the tables, the shop is scored anew, the service swaps.
#
#   nightly.sh DATA_DIR ROOT MODEL LOG [AS_OF]
#
#   DATA_DIR  the folder of the tables, orders.parquet, .csv or .csv.gz among them
#   ROOT      holds a scores folder a night, and `current`, the link to the one that is served:
#             intentml serve ROOT --model MODEL --orders LOG --data DATA_DIR
#   MODEL     the model folder that the service was told, or a root whose `current` is one
#   LOG       the log of orders of the service
#   AS_OF     of which instant to score; now where left out
#
# A step that fails ends the night, and all is as it was: the old scores go on being served, and what was
# folded is recognised tomorrow. From cron, at three:
#
#   0 3 * * *  nightly.sh shop scores model orders.sqlite >> night.log 2>&1
#
# INTENTML_KEEP      how many scores folders stay, those served among them; 3
# INTENTML_HORIZONS  days to predict, the first is the default; those of the scores that are served, else 28
# INTENTML_TIMEZONE  the shop's zone; that of the scores that are served, else UTC
# INTENTML_COLUMNS   a mapping of foreign names, as of --columns
set -euo pipefail

if (($# < 4 || $# > 5)); then
  echo "usage: nightly.sh DATA_DIR ROOT MODEL LOG [AS_OF]" >&2
  exit 2
fi
data=$1 root=$2 model=$3 log=$4
served=$root/current

mkdir -p "$root"
exec 9> "$root/.night.lock" # let go by the kernel, however this ends
if ! flock --nonblock 9; then
  echo "another night is at work in $root" >&2
  exit 75
fi

rm -rf "$root"/.????????T??????Z-* # what a night that was killed left half-written

# A value of the manifest of the scores that are served; nothing before the first night.
of_served() {
  [[ -f $served/manifest.json ]] || return 0
  tr -d ' \n' < "$served/manifest.json" | sed -nE "s/.*\"$1\":(\[([0-9,]*)\]|\"([^\"]*)\").*/\2\3/p"
}

horizons=${INTENTML_HORIZONS:-$(of_served horizons | tr ',' ' ')}
zone=${INTENTML_TIMEZONE:-$(of_served timezone)}
tables=(--timezone "${zone:-UTC}" ${INTENTML_COLUMNS:+--columns "$INTENTML_COLUMNS"})
days=()
for horizon in ${horizons:-28}; do days+=(--horizon "$horizon"); done
if [[ -e $model/current ]]; then model=$model/current; fi

# 1. What the scores that are served know goes out of the log. Not sooner: whoever starts by night reads it.
if [[ -f $served/folded ]]; then
  intentml orders prune "$log" --until "$(< "$served/folded")" --scores "$served" --quiet
fi

# 2. What came in goes into the tables, each line once.
told=$(intentml orders fold "$log" "$data" "${tables[@]}" --json --quiet)
echo "$told"
until=$(sed -nE 's/.*"until": *([0-9]+).*/\1/p' <<< "$told")

# 3. Everybody is scored, in a folder of its own.
stamp=$(date -u +%Y%m%dT%H%M%SZ)
as_of=${5:-$(date -u +%Y-%m-%dT%H:%M:%SZ)}
if [[ -e $root/$stamp ]]; then
  echo "$root/$stamp is there already" >&2
  exit 1
fi
trap 'rm -rf "${root:?}/$stamp" "$root/.next"' EXIT
intentml score "$data" --model "$model" --as-of "$as_of" "${days[@]}" --out "$root/$stamp" "${tables[@]}" --quiet
echo "$until" > "$root/$stamp/folded"
sync "$root/$stamp"/* "$root/$stamp"

# 4. From one instant to the next the new ones are `current`; the service sees it within a second.
ln -sfn "$stamp" "$root/.next"
mv -T "$root/.next" "$served"
trap - EXIT

# 5. Old ones go; who still reads them may finish, the files last as long as they are open.
readarray -t old < <(cd "$root" && printf '%s\n' ????????T??????Z | sort -r | tail -n "+$((${INTENTML_KEEP:-3} + 1))")
for one in "${old[@]}"; do
  if [[ -d $root/$one && $one != "$stamp" ]]; then rm -rf "${root:?}/$one"; fi
done
