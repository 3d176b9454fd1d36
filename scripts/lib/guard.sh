# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# A foreign BPF program for the lab, as a security agent would attach one: it drops ICMP.
# A guest has no compiler: the machine it was made on compiles for it.

guard_built=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/guard

guard_possible() { [[ -d $guard_built ]] || command -v clang >/dev/null || echo "needs clang"; }
possible() { guard_possible; }

# guard_compile VERDICT SECTION CONTEXT ELSE [NAME]: a tc/XDP program that gives ICMP the verdict, as $LAB_DIR/guard.o.
guard_compile() {
	if [[ -e $guard_built/$2-$1.o ]]; then
		cp "$guard_built/$2-$1.o" "$LAB_DIR/guard.o"
	else
		guard_object "$LAB_DIR/guard.o" "$@"
	fi
}

# A BPF LSM program that keeps UDP port 9999 from receiving, as a security agent would.
guard_lsm_compile() {
	if [[ -e $guard_built/lsm.o ]]; then
		cp "$guard_built/lsm.o" "$LAB_DIR/guard.o"
	else
		guard_lsm_object "$LAB_DIR/guard.o"
	fi
}

guard_lsm_object() {
	clang -O2 -g -target bpf -c -x c -o "$1" - <<-'END'
		struct sock_common { unsigned short skc_num; } __attribute__((preserve_access_index));
		struct sock { struct sock_common __sk_common; } __attribute__((preserve_access_index));
		__attribute__((section("lsm/socket_sock_rcv_skb"), used)) int guard_udp(unsigned long long *ctx)
		{
			struct sock *sk = (void *)ctx[0];

			return sk->__sk_common.skc_num == 9999 ? -1 : 0;
		}
		char guard_license[] __attribute__((section("license"), used)) = "GPL";
	END
}

# A cgroup program that lets no ICMP out: it sees packets from their IP header on.
guard_cgroup_compile() {
	if [[ -e $guard_built/cgroup.o ]]; then
		cp "$guard_built/cgroup.o" "$LAB_DIR/guard.o"
	else
		guard_cgroup_object "$LAB_DIR/guard.o"
	fi
}

guard_cgroup_object() {
	clang -O2 -g -target bpf -c -x c -o "$1" - <<-'END'
		struct ctx { unsigned int fields[19], data, data_end; };
		__attribute__((section("cgroup_skb/egress"), used)) int guard_icmp(struct ctx *ctx)
		{
			unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

			return data + 20 > end || data[9] != 1;
		}
		char guard_license[] __attribute__((section("license"), used)) = "GPL";
	END
}

# guard_prepare DIR: compiles what the faults of this tree ask for.
guard_prepare() {
	local verdict section context other name

	mkdir -p "$1" || return 1
	guard_lsm_object "$1/lsm.o" || return 1
	guard_cgroup_object "$1/cgroup.o" || return 1
	while read -r _ verdict section context other name; do
		guard_object "$1/$section-$verdict.o" "$verdict" "$section" "$context" "$other" $name || return 1
	done < <(grep -h '^[[:space:]]*guard_compile [0-9]' "${BASH_SOURCE[0]%/*}"/faults/*.sh)
}

# guard_object FILE VERDICT SECTION CONTEXT ELSE [NAME]
guard_object() {
	clang -O2 -g -target bpf -c -x c -o "$1" - <<-END
		struct frame { unsigned char bytes[64]; };
		struct __sk_buff { unsigned int fields[19], data, data_end; };
		struct ctx_tc { unsigned int fields[19], data, data_end; };
		struct ctx_xdp { unsigned int data, data_end; };
		__attribute__((section("$3"), used)) int ${6:-guard_icmp}(struct $4 *ctx)
		{
			unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

			if (data + 34 > end || data[12] != 8 || data[13] != 0 || data[23] != 1)
				return $5;
			return $2;
		}
		char guard_license[] __attribute__((section("license"), used)) = "GPL";
	END
}
