# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# A foreign BPF program for the lab, as a security agent would attach one: it drops ICMP.

possible() { command -v clang >/dev/null || echo "needs clang"; }

# Compiles a tc/XDP program that gives ICMP the verdict $1, as section $2 of $LAB_DIR/guard.o.
guard_compile() {
	clang -O2 -g -target bpf -c -x c -o "$LAB_DIR/guard.o" - <<-END
		struct frame { unsigned char bytes[64]; };
		struct ctx_tc { unsigned int fields[19], data, data_end; };
		struct ctx_xdp { unsigned int data, data_end; };
		__attribute__((section("$2"), used)) int guard_icmp(struct $3 *ctx)
		{
			unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

			if (data + 34 > end || data[12] != 8 || data[13] != 0 || data[23] != 1)
				return $4;
			return $1;
		}
		char guard_license[] __attribute__((section("license"), used)) = "GPL";
	END
}
