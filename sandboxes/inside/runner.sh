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
# what ends the agent's processes becomes one of them, and needs no new one: there may be none left to have
strike="exec $agent sh -c 'while :; do kill -9 -1; done' 3<&-"
count() { # what stands behind the word $1 in one of the files $2 and $3
  n=0
  for f in "$2" "$3"; do
    [ ! -r "$f" ] || while read -r k v; do [ "$k" != "$1" ] || n=$v; done <"$f"
  done
}
counts() { # how often memory and processes were refused
  count oom_kill /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control
  ooms=$n
  count max /sys/fs/cgroup/pids.events /sys/fs/cgroup/pids/pids.events
  counted="$ooms $n"
}
sizes() { # of the first and the last $2 bytes of $1, and how many came between or with the last
  n=
  read -r n <"$1.n"
  n=${n:-0}
  h=$((n < $2 ? n : $2))
  rest=$((n - h))
  sized="$h $((rest < $2 ? rest : $2)) $rest"
}
take() { # $1 bytes of what comes next into the file $2
  : >"$2"
  [ $(($1 / 65536)) -eq 0 ] || dd bs=65536 count=$(($1 / 65536)) iflag=fullblock <&3 >>"$2" 2>/dev/null
  [ $(($1 % 65536)) -eq 0 ] || dd bs=$(($1 % 65536)) count=1 iflag=fullblock <&3 >>"$2" 2>/dev/null
}
used() { $agent du -skx "$work" 2>/dev/null | cut -f 1; } # kilobytes; what is closed to its owner counts as nothing
guard() { # stop the command when the workspace has more than $1 kilobytes, or when nobody can look again and again
  trap "$strike" EXIT # also where there is no process left to look with
  vain=0
  while sleep 0.5; do
    now=$(used)
    [ -n "$now" ] && vain=0 || { now=0 vain=$((vain + 1)); }
    [ "$now" -le "$1" ] && [ $vain -lt 3 ] || break
  done
  : >full
}
collect() { # the first and the last $2 bytes of its input, and how many there were; all processes are there early
  wc -c <"$1.c" >"$1.n" &
  tee "$1.c" | {
    exec 8<&0 # what runs beside a shell is not given its input
    dd bs="$2" count=1 iflag=fullblock <&8 2>/dev/null >"$1.h" &
    : >"$1.r"
    wait
    exec tail -c "$2" >"$1.t"
  }
  wait
}
tight=0
while read -r word id seconds cap merge script input <&3; do
  case $word in run) ;; ''|!) continue ;; *) exit 1 ;; esac
  take "$script" script
  take "$input" stdin
  chmod 755 . && chmod 644 script
  rm -f late full o o.* e e.* go mop t.r l.r
  mkfifo o o.c o.r e e.c e.r go mop t.r l.r
  collect o "$cap" <o & co=$!
  collect e "$cap" <e & ce=$!
  counts
  before=$counted
  exec 4>o 5>e
  [ "$merge" = 1 ] && exec 6>&4 || exec 6>&5
  # the command waits until all stands that ends it, for it may take every process there is
  setsid sh -c 'read -r x <go; exec "$@"' - $agent env -i sh "$d/script" <stdin >&4 2>&6 3<&- 4>&- 5>&- 6>&- &
  main=$!
  exec 4>&- 5>&- 6>&-
  setsid sh -c "read -r x <&3; $strike" >/dev/null 2>&1 & watch=$!
  setsid sh -c "sleep $seconds & : >t.r; wait; : >late; exec $agent sh -c 'kill -TERM -$main'" \
    >/dev/null 2>&1 3<&- & timer=$!
  setsid sh -c "sleep $seconds 1.5 & : >l.r; wait; $strike" >/dev/null 2>&1 3<&- & last=$!
  setsid sh -c "read -r x <mop; exec $agent sh -c 'kill -9 -1'" >/dev/null 2>&1 3<&- & mop=$!
  heap=$disk watchdog=
  if [ $tight = 1 ]; then # cleaning up has to be possible
    now=$(used)
    [ "${now:-0}" -gt "$disk" ] && heap=$((now + 4096)) || tight=0
  fi
  [ "$disk" = 0 ] || { guard "$heap" >/dev/null 2>&1 3<&- & watchdog=$!; }
  for ready in o.r e.r t.r l.r; do read -r x <$ready; done
  echo >go
  wait $main
  code=$?
  # by number too: they may not have a session yet
  kill -9 $timer $last $watch $watchdog -$timer -$last -$watch 2>/dev/null
  wait $timer $last $watch $watchdog 2>/dev/null
  exec 7<>mop
  echo >&7
  wait $mop
  exec 7<&-
  wait $co $ce
  chmod 700 .
  late=0
  [ -e late ] && late=1
  [ -e full ] && late=2 tight=1
  counts
  sizes o "$cap"
  first=$sized
  sizes e "$cap"
  echo "run $id $code $late $before $counted $first $sized"
  cat o.h o.t e.h e.t
done
