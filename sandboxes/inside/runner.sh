# PID 1 for images without Python: POSIX shell, dd, tail, tee, wc, stat, du, setsid, and util-linux's setpriv or
# BusyBox's su.
# Requests are a line and the bytes it announces; see plain.py. What the agent runs has no descriptor of these.
set -u
umask 022
exec 3<&0
d=/run/loopwright
mkdir -m 700 $d && cd $d || exit 1
read -r word nonce uid gid work disk <&3 || exit 0
becomes() { [ "$($agent id -u 2>/dev/null)" = "$uid" ]; }
agent="setpriv --reuid $uid --regid $gid --clear-groups --inh-caps=-all --bounding-set=-all"
becomes || agent="setpriv --reuid $uid --regid $gid --clear-groups --inh-caps=-all"
becomes || agent="su -s /usr/bin/env $(sed -n "s/^\([^:]*\):[^:]*:$uid:.*/\1/p" /etc/passwd | head -n 1) --"
becomes || {
  echo "neither setpriv nor su makes a command user $uid" >&2
  exit 1
}
exec 2>/dev/null # from here on a shell has nothing to say but which of its children were killed
printf 'hello %s %s\n' "$nonce" "$(stat -c %u "$work")"
killed() { $agent sh -c 'kill -9 -1' 2>/dev/null; :; }
count() { echo $(sed -n "s/^$1 \([0-9]*\)$/\1/p" $2 2>/dev/null || :) 0 | cut -d ' ' -f 1; }
oom() { count oom_kill "/sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control"; }
pids() { count max "/sys/fs/cgroup/pids.events /sys/fs/cgroup/pids/pids.events"; }
size() { stat -c %s "$1" 2>/dev/null || echo 0; }
take() { # $1 bytes of what comes next into the file $2
  : >"$2"
  [ $(($1 / 65536)) -eq 0 ] || dd bs=65536 count=$(($1 / 65536)) iflag=fullblock <&3 >>"$2" 2>/dev/null
  [ $(($1 % 65536)) -eq 0 ] || dd bs=$(($1 % 65536)) count=1 iflag=fullblock <&3 >>"$2" 2>/dev/null
}
used() { $agent du -skx "$work" 2>/dev/null | cut -f 1; } # kilobytes; what is closed to its owner counts as nothing
guard() { # stop the command when the workspace has more than $1 kilobytes, or when du is killed again and again
  vain=0
  while sleep 0.5; do
    now=$(used)
    [ -n "$now" ] && vain=0 || { now=0 vain=$((vain + 1)); }
    [ "$now" -le "$1" ] && [ $vain -lt 3 ] || break
  done
  : >full
  killed
}
collect() { # the first and the last $2 bytes of its input, and how many came between or with the last
  dd bs="$2" count=1 iflag=fullblock 2>/dev/null >"$1.h"
  mkfifo "$1.c"
  wc -c <"$1.c" >"$1.n" &
  tee "$1.c" | tail -c "$2" >"$1.t"
  wait
}
tight=0
while read -r word id seconds cap merge script input <&3; do
  case $word in run) ;; ''|!) continue ;; *) exit 1 ;; esac
  take "$script" script
  take "$input" stdin
  chmod 755 . && chmod 644 script
  rm -f late full o o.* e e.*
  mkfifo o e
  collect o "$cap" <o & co=$!
  collect e "$cap" <e & ce=$!
  before="$(oom) $(pids)"
  exec 4>o 5>e
  [ "$merge" = 1 ] && exec 6>&4 || exec 6>&5
  setsid $agent env -i sh "$d/script" <stdin >&4 2>&6 3<&- 4>&- 5>&- 6>&- & main=$!
  exec 4>&- 5>&- 6>&-
  # again and again: a command that has only just begun is not the agent's yet
  end="while :; do $agent sh -c 'kill -9 -1'; sleep 0.1; done"
  setsid sh -c "read -r x <&3; $end" >/dev/null 2>&1 & watch=$!
  setsid sh -c "sleep $seconds; : >late; $agent sh -c 'kill -TERM -$main'; sleep 1.5; $end" \
    >/dev/null 2>&1 3<&- & timer=$!
  heap=$disk watchdog=
  if [ $tight = 1 ]; then # cleaning up has to be possible
    now=$(used)
    [ "${now:-0}" -gt "$disk" ] && heap=$((now + 4096)) || tight=0
  fi
  [ "$disk" = 0 ] || { guard "$heap" >/dev/null 2>&1 3<&- & watchdog=$!; }
  wait $main
  code=$?
  kill -9 $timer $watch $watchdog -$timer -$watch 2>/dev/null # by number too: they may not have a session yet
  wait $timer $watch $watchdog 2>/dev/null
  killed
  wait $co $ce
  chmod 700 .
  late=0
  [ -e late ] && late=1
  [ -e full ] && late=2 tight=1
  printf 'run %s %s %s %s %s %s %s %s %s %s %s\n' "$id" "$code" "$late" "$before" "$(oom) $(pids)" \
    "$(size o.h)" "$(size o.t)" "$(cat o.n)" "$(size e.h)" "$(size e.t)" "$(cat e.n)"
  cat o.h o.t e.h e.t
done
