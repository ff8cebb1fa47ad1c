#!/bin/sh
# Pictures of eight pages of the built site, wide and narrow, light and dark, with headless Chromium.
# Usage: docs/pictures.sh [SITE [FOLDER]]     (build/site, build/pictures)
set -e
root=$(cd "$(dirname "$0")/.." && pwd)
site=$(cd "${1:-$root/build/site}" && pwd)
out=${2:-$root/build/pictures}
mkdir -p "$out"
# A page in a frame of the wished width: windows are not narrower than 500 pixels.
for page in index course/index equations/lstm guide/training api/generated/bptt.LanguageModel \
  notebooks/02_lstm results course/concordance; do
  for width in 1280 400; do
    for scheme in light dark; do
      name=$(basename "$page")
      [ "$name" = index ] && name=$(echo "$page" | tr / _)  # index, course_index
      [ $scheme = dark ] && dark=0 || dark=1
      frame=$out/frame.html
      printf '<body style="margin:0"><iframe src="file://%s/%s.html" style="border:0;width:%spx;height:2400px"></iframe>' \
        "$site" "$page" "$width" >"$frame"
      "${CHROMIUM:-chromium}" --headless --no-sandbox --disable-gpu --hide-scrollbars \
        --host-resolver-rules="MAP * ~NOTFOUND" --virtual-time-budget=8000 \
        --blink-settings=preferredColorScheme=$dark \
        --window-size=$width,2400 --screenshot="$out/$name-$width-$scheme.png" "file://$frame" 2>/dev/null
    done
  done
done
rm -f "$frame"
