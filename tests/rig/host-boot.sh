#!/bin/bash
# Boots one test host: run by hosts.py as the first process of new pid, mount, uts, ipc and cgroup namespaces.
#
# Environment: NAME (host name), TREE (the files of the host, never written to), STATE (a directory that outlives a reboot),
# HOSTS (what goes into /etc/hosts), BINDS ("/outside:/inside ..."), RESOLV (a file for /etc/resolv.conf).
# The root is an overlay over TREE. What is written, /home, /var/lib/containers and /var/lib/docker stay in STATE; /run, /tmp
# and /dev are new at each boot. None of the machine's own units runs, and nothing reaches the machine's kernel settings.
set -e
R=$STATE/root
hostname "$NAME"
mount --make-rprivate /
mkdir -p "$STATE"/{up,work,root,home,containers,docker}
mount -t overlay overlay -o "lowerdir=$TREE,upperdir=$STATE/up,workdir=$STATE/work" "$R"
mount -t proc proc "$R/proc"
mount -t sysfs sysfs "$R/sys"
mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup"

mount -t tmpfs -o mode=755 tmpfs "$R/dev"
mkdir "$R"/dev/{pts,shm,net}
cp -a /dev/{null,zero,full,random,urandom,tty} "$R/dev/"
mknod "$R/dev/fuse" c 10 229
mknod "$R/dev/net/tun" c 10 200
chmod 666 "$R/dev/fuse" "$R/dev/net/tun"
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$R/dev/pts"
ln -s pts/ptmx "$R/dev/ptmx"
ln -s /proc/self/fd "$R/dev/fd"
for i in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${i%:*}" "$R/dev/${i#*:}"; done

for directory in run tmp dev/shm; do
  mkdir -p "$R/$directory"
  mount -t tmpfs -o mode=1777 tmpfs "$R/$directory"
done
chmod 755 "$R/run"
for pair in home:home containers:var/lib/containers docker:var/lib/docker; do
  mkdir -p "$R/${pair#*:}"
  mount --bind "$STATE/${pair%%:*}" "$R/${pair#*:}"
done
for pair in $BINDS; do
  mkdir -p "$R/${pair#*:}"
  mount --rbind "${pair%%:*}" "$R/${pair#*:}"
done

if [ ! -e "$STATE/installed" ]; then
  units=$R/etc/systemd/system
  rm -rf "$units" "$R/etc/containers/libpod.conf"
  mkdir -p "$units" "$R/etc/containers"
  : >"$R/etc/fstab"
  for unit in sysctl modules-load udevd udev-trigger binfmt networkd resolved timesyncd remount-fs firstboot; do
    ln -s /dev/null "$units/systemd-$unit.service"
  done
  for unit in console-getty getty@ serial-getty@ getty-static netavark-dhcp-proxy; do
    ln -s /dev/null "$units/$unit.service"
  done
  for unit in systemd-udevd-control.socket systemd-udevd-kernel.socket netavark-dhcp-proxy.socket \
    sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount dev-mqueue.mount \
    proc-sys-fs-binfmt_misc.automount sys-fs-fuse-connections.mount sys-kernel-config.mount; do
    ln -s /dev/null "$units/$unit"
  done
  ln -s /lib/systemd/system/multi-user.target "$units/default.target"
  echo "$NAME" >"$R/etc/hostname"
  rm -f "$R/etc/resolv.conf"
  cat "$RESOLV" >"$R/etc/resolv.conf"

  # Where this machine's own hard limits are low, an engine must not ask for more than they are.
  open_files=$(ulimit -Hn)
  processes=$(ulimit -Hu)
  if [ "$processes" = unlimited ] || [ "$processes" -gt 32768 ]; then processes=32768; fi
  cat >"$R/etc/containers/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=$open_files:$open_files", "nproc=$processes:$processes"]
pids_limit = 0
[network]
network_backend = "netavark"
CONF
  # Podman 4.3 would choose vfs for a user, which copies the whole image for each container.
  cat >"$R/etc/containers/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "/var/lib/containers/storage"
runroot = "/run/containers/storage"
CONF
  # crun 1.8 raises a limit that such a machine does not let it raise.
  case $(chroot "$R" crun --version 2>/dev/null | head -1) in
    *"crun version 1.8"*) printf '[engine]\nruntime = "runc"\n' >>"$R/etc/containers/containers.conf" ;;
  esac
  mkdir -p "$units/docker.service.d" "$units/containerd.service.d" "$R/etc/docker"
  printf '{"default-ulimits": {"nofile": {"Name": "nofile", "Hard": %s, "Soft": %s}}}\n' \
    "$open_files" "$open_files" >"$R/etc/docker/daemon.json"
  printf '[Service]\nLimitNOFILE=\nLimitNPROC=\nLimitCORE=\nOOMScoreAdjust=\n' |
    tee "$units/docker.service.d/limits.conf" >"$units/containerd.service.d/limits.conf"
  touch "$STATE/installed"
fi
printf '%s' "$HOSTS" >"$R/etc/hosts"

cd "$R"
mkdir -p .old
pivot_root . .old
umount -l /.old
rmdir /.old
mount --make-rshared /
exec env -i container=minihost PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  /lib/systemd/systemd --system --show-status=false
