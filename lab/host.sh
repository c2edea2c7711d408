#!/bin/bash
# One ssh server of the lab: its own mount, host and network namespace, with users that exist only there.
# Called by hosts.py:  ip netns exec SPACE unshare --mount --uts --pid --fork --kill-child --mount-proc bash lab/host.sh NAME WORK ADDRESS TEMPLATE
# /etc, /var, /root and /home are overlays on WORK: the machine's own files stay as they are.
set -eu
name=$1 work=$2 address=$3 template=$4
mount --make-rprivate /
hostname "$name"
mkdir -p "$work"
mount -t tmpfs lab "$work"   # an overlay's upper layer cannot lie on every file system; a tmpfs always works
for dir in etc var root home; do
  mkdir -p "$work/$dir" "$work/$dir.work"
  mount -t overlay overlay -o "lowerdir=/$dir,upperdir=$work/$dir,workdir=$work/$dir.work" "/$dir"
done
mount -t tmpfs run /run
mkdir -p /run/sshd /run/lock; : > /run/utmp
mount -t tmpfs dev /dev
mknod -m 666 /dev/null c 1 3; mknod -m 666 /dev/zero c 1 5; mknod -m 666 /dev/random c 1 8
mknod -m 666 /dev/urandom c 1 9; mknod -m 666 /dev/tty c 5 0
mkdir /dev/pts /dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,gid=5,mode=620 devpts /dev/pts
ln -s pts/ptmx /dev/ptmx; ln -s /proc/self/fd /dev/fd
ln -sf /usr/share/zoneinfo/Europe/Amsterdam /etc/localtime
echo "127.0.0.1 localhost $name" > /etc/hosts
printf 'Defaults !lecture\n%%sudo ALL=(ALL:ALL) ALL\n' > /etc/sudoers; chmod 440 /etc/sudoers
rm -f /etc/sudoers.d/* /etc/security/limits.d/*
: > /etc/security/limits.conf
sed -i -e 's/user_readenv=1//' -e '/pam_limits/d' /etc/pam.d/*

# The lab's users (name, password, groups). "h.meijer" chose badly; the backup job has a key and no password.
while read -r user password groups; do
  useradd --badname -m -s /bin/bash ${groups:+-G "$groups"} "$user" 2>/dev/null
  [ "$password" = - ] || echo "$user:$password" | chpasswd
  mkdir -p "/home/$user/.ssh"; cp "$LAB_KEYS/$user.pub" "/home/$user/.ssh/authorized_keys"
  chmod 755 "/home/$user"; chown -R "$user" "/home/$user/.ssh"; chmod 700 "/home/$user/.ssh"; chmod 600 "/home/$user/.ssh/authorized_keys"
done <<USERS
m.okafor Tulip-2026 sudo
j.devries Winter!Kanal sudo
h.meijer Zomer2026! sudo
backupjob -
USERS

cat > /etc/rsyslog.conf <<CONF
module(load="imuxsock" SysSock.Name="/dev/log" SysSock.UseSysTimeStamp="off" SysSock.IgnoreTimestamp="on" SysSock.RateLimit.Interval="0")
auth,authpriv.* action(type="omfile" file="$LAB_OUT/$name.log" template="$template")
CONF
cat > /etc/ssh/sshd_config <<CONF
ListenAddress $address
HostKey /etc/ssh/ssh_host_ed25519_key
UsePAM yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
UseDNS no
PermitRootLogin prohibit-password
MaxStartups 20:30:60
Subsystem sftp internal-sftp
CONF
[ -f /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
# rsyslog alone sees the lab's clock and stamps what it receives; sshd and sudo run on the machine's.
TZ=Europe/Amsterdam LD_PRELOAD=$LAB_FAKETIME FAKETIME_TIMESTAMP_FILE=$LAB_CLOCK FAKETIME_NO_CACHE=1 \
  FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1 rsyslogd -n -i /run/rsyslogd.pid &
for _ in $(seq 50); do [ -S /dev/log ] && break; sleep 0.1; done
# cron itself cannot follow a clock that jumps: the conductor names a user on this pipe, and cron_job.py makes the
# same PAM calls that cron makes.
mkfifo "$LAB_OUT/$name.cron"
/usr/bin/python3 "$(dirname "$0")/cron_job.py" "$LAB_OUT/$name.cron" &
/usr/sbin/sshd -D &
wait
