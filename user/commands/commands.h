/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sub-commands. Each takes the words after its name and returns the exit status.
 */
#ifndef CNITRACE_COMMANDS_COMMANDS_H
#define CNITRACE_COMMANDS_COMMANDS_H

int command_trace(int argc, char **argv);
int command_monitor(int argc, char **argv);
int command_probe(int argc, char **argv);
int command_check(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_pods(int argc, char **argv);
int command_merge(int argc, char **argv);

#endif
