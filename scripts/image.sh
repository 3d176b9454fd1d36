#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# An OCI image of cnitrace without Docker: the binary, the libraries it links to and their loader,
# a few terminal descriptions, nothing else. The same binary gives the same bytes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
	cat <<-'END'
		usage: image.sh [--output DIR] [--archive FILE] [--name NAME:TAG]
		       image.sh --rootfs DIR
		  --output DIR     write an OCI image layout there (default build/image)
		  --archive FILE   also as one file, for: ctr -n k8s.io images import, podman load,
		                   skopeo copy oci-archive:FILE, kind load image-archive
		  --name NAME:TAG  what the image is called (default cnitrace:VERSION)
		  --rootfs DIR     only the root file system, as runc wants it
		The binary is build/cnitrace, or $CNITRACE. SOURCE_DATE_EPOCH is the image's date (default 0).
	END
}

die() {
	printf 'image: %s\n' "$*" >&2
	exit 1
}

binary=${CNITRACE:-build/cnitrace}
output=build/image
archive=
name=
rootfs=
while (($#)); do
	case $1 in
	--output) output=${2:?--output needs a directory} && shift ;;
	--archive) archive=${2:?--archive needs a file} && shift ;;
	--name) name=${2:?--name needs a name} && shift ;;
	--rootfs) rootfs=${2:?--rootfs needs a directory} && shift ;;
	-h | --help) usage && exit 0 ;;
	*) printf 'image: unknown option "%s"; see image.sh --help\n' "$1" >&2 && exit 2 ;;
	esac
	shift
done
[[ -x $binary ]] || die "no $binary: run make first"
for tool in ldd tar gzip sha256sum strip; do
	command -v "$tool" >/dev/null || die "needs $tool"
done
epoch=${SOURCE_DATE_EPOCH:-0}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022

# The files ldd names, and the loader; the kernel's vdso is none.
libraries() {
	ldd "$binary" | awk '$2 == "=>" { print $3; next } $1 ~ "^/" { print $1 }'
}

# Libraries keep their places, so that the loader finds them without a cache.
rootfs_make() {
	local root=$1 file entry
	mkdir -p "$root"/{dev,etc,host,proc,run,sys,tmp,usr/bin,usr/lib,usr/lib64,usr/share/terminfo}
	chmod 1777 "$root/tmp"
	ln -s usr/lib "$root/lib"
	ln -s usr/lib64 "$root/lib64"
	strip -o "$root/usr/bin/cnitrace" "$binary"
	chmod 0755 "$root/usr/bin/cnitrace"
	while read -r file; do
		[[ -e $file ]] || die "a library is missing: $file"
		mkdir -p "$root/$(dirname "$file")"
		cp -L "$file" "$root/$file"
		chmod 0755 "$root/$file"
	done < <(libraries)
	for entry in a/ansi d/dumb l/linux s/screen s/screen-256color t/tmux t/tmux-256color v/vt100 x/xterm x/xterm-256color; do
		for file in /lib/terminfo /usr/share/terminfo; do
			[[ -e $file/$entry && ! -e $root/usr/share/terminfo/$entry ]] || continue
			install -D -m 0644 "$file/$entry" "$root/usr/share/terminfo/$entry"
		done
	done
	printf 'root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n' >"$root/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
	find "$root" -exec touch -h -d "@$epoch" {} +
}

if [[ -n $rootfs ]]; then
	[[ ! -e $rootfs ]] || rmdir "$rootfs" 2>/dev/null || die "$rootfs exists and is not empty"
	rootfs_make "$rootfs"
	printf 'root file system %s: %s KiB in %s files\n' "$rootfs" \
		"$(du -sk --apparent-size "$rootfs" | cut -f1)" "$(find "$rootfs" -type f | wc -l)"
	exit 0
fi

command -v jq >/dev/null || die "needs jq"
version=$("$binary" --version | awk '{ print $2 }')
name=${name:-cnitrace:$version}
case $(uname -m) in
x86_64) architecture=amd64 ;;
aarch64) architecture=arm64 ;;
*) architecture=$(uname -m) ;;
esac

tar_make() {
	tar --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --format=ustar -C "$1" -cf - "${@:2}"
}

# blob_add FILE: moves it to its place among the blobs, prints digest and size.
blob_add() {
	local digest size
	digest=$(sha256sum "$1" | cut -d' ' -f1)
	size=$(stat -c %s "$1")
	mv "$1" "$work/image/blobs/sha256/$digest"
	printf '%s %s\n' "$digest" "$size"
}

mkdir -p "$work/image/blobs/sha256"
rootfs_make "$work/rootfs"
tar_make "$work/rootfs" . >"$work/layer.tar"
diff_id=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
gzip -9 -n "$work/layer.tar"
read -r layer layer_size < <(blob_add "$work/layer.tar.gz")

created=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)
jq -cjnS --arg arch "$architecture" --arg diff "sha256:$diff_id" --arg created "$created" --arg version "$version" '{
	created: $created, architecture: $arch, os: "linux",
	config: {
		Entrypoint: ["/usr/bin/cnitrace"], Cmd: ["--help"], WorkingDir: "/",
		Env: ["PATH=/usr/bin", "LANG=C.UTF-8", "TERMINFO=/usr/share/terminfo"],
		Labels: {
			"org.opencontainers.image.title": "cnitrace",
			"org.opencontainers.image.version": $version,
			"org.opencontainers.image.licenses": "GPL-2.0-only"
		}
	},
	rootfs: {type: "layers", diff_ids: [$diff]},
	history: [{created: $created, created_by: "scripts/image.sh"}]
}' >"$work/config"
read -r config config_size < <(blob_add "$work/config")

jq -cjnS --arg config "sha256:$config" --argjson config_size "$config_size" \
	--arg layer "sha256:$layer" --argjson layer_size "$layer_size" '{
	schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
	config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $config, size: $config_size},
	layers: [{mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: $layer, size: $layer_size}]
}' >"$work/manifest"
read -r manifest manifest_size < <(blob_add "$work/manifest")

jq -cjnS --arg manifest "sha256:$manifest" --argjson size "$manifest_size" --arg arch "$architecture" \
	--arg name "$name" '{
	schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
	manifests: [{
		mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $manifest, size: $size,
		platform: {architecture: $arch, os: "linux"},
		annotations: {
			"io.containerd.image.name": (if $name | contains("/") then $name else "docker.io/library/" + $name end),
			"org.opencontainers.image.ref.name": ($name | split(":")[-1])
		}
	}]
}' >"$work/image/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$work/image/oci-layout"

if [[ -e $output && ! -e $output/oci-layout ]] && ! rmdir "$output" 2>/dev/null; then
	die "$output exists and is no image layout"
fi
rm -rf "$output"
mkdir -p "$(dirname "$output")"
cp -r "$work/image" "$output"
[[ -z $archive ]] || tar_make "$work/image" blobs index.json oci-layout >"$archive"
kib() { printf '%s.%s MB' $((($1 + 50000) / 1000000)) $((($1 + 50000) / 100000 % 10)); }
printf 'image %s %s: %s compressed, %s unpacked, sha256:%s\n' "$name" "$output" "$(kib "$layer_size")" \
	"$(kib "$(find "$work/rootfs" -type f -printf '%s\n' | awk '{ s += $1 } END { print s }')")" "$manifest"
