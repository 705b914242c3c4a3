internal import ArgumentParser
internal import CadastreDisk
internal import CadastreStorage
internal import RaftCore

/// The verb `cadastre log …`.
struct LogVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Looks at a node's journal, offline.",
        subcommands: [Show.self]
    )

    /// The verb `cadastre log show SEGMENT`.
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows what is in one segment file; changes nothing and takes no lock.",
            discussion: """
                The exit code is 65 if something in it cannot be read. Where a node was killed, \
                that may be a last batch which never became durable: it is told apart, since no \
                acknowledged write is in it and the node cuts it off at its next start.
                Example: cadastre log show data/journal/0000000001.segment --commands
                """
        )
        @Argument(help: "The segment file.")
        var segment: String
        @Flag(help: "Show each command of each entry.")
        var commands = false
        @OptionGroup
        var output: OutputOptions

        func run() throws {
            let dump: SegmentDump
            do throws(StorageError) {
                dump = try SegmentDump(reading: segment, on: PosixDisk())
            } catch {
                throw Self.failure(error)
            }
            let console = output.console
            console.line("segment \(dump.number) of \(dump.identity), \(dump.size) bytes")
            console.json(SegmentOutput(dump, showsCommands: commands))
            for batch in dump.batches {
                console.line(
                    "\(batch.offset): batch \(batch.number), \(batch.size) bytes, synced through "
                        + "segment \(batch.syncedSegment) offset \(batch.syncedOffset)"
                        + (batch.firstSegment > 1
                            ? ", the journal begins in segment \(batch.firstSegment)" : "")
                )
                for record in batch.records { show(record, on: console) }
            }
            for problem in dump.problems {
                let isDurable = problem.offset < dump.durableEnd
                Console.remark(
                    "offset \(problem.offset): \(Escaped.text(problem.reason))"
                        + (isDurable ? "" : " (not known to have been durable)")
                )
            }
            if let failure = Self.failure(dump) { throw failure }
        }

        private static func failure(_ dump: SegmentDump) -> Failure? {
            guard !dump.problems.isEmpty else { return nil }
            let damage = dump.problems.count { $0.offset < dump.durableEnd }
            guard damage > 0 else {
                return Failure(
                    .badData,
                    "the end of the segment cannot be read, and nothing in it says that this was "
                        + "ever durable",
                    advice: "start the node: it cuts off what was never acknowledged, or refuses"
                )
            }
            return Failure(
                .badData,
                "\(damage) places of the segment cannot be read that were durable once",
                advice: "keep the file and the others of its folder; the node will not start on it"
            )
        }

        private static func failure(_ error: StorageError) -> Failure {
            if case .disk = error {
                return Failure(
                    .missingInput,
                    Escaped.text(error.description),
                    advice: "name a segment file of a node's journal folder"
                )
            }
            return Failure(
                .badData,
                Escaped.text(error.description),
                advice: "name a segment file of a node's journal folder"
            )
        }

        private func show(_ record: SegmentDump.Entry, on console: Console) {
            switch record.content {
            case .entry(let entry):
                console.line("  \(record.offset): \(EntryOutput.text(entry))")
                guard commands, case .commands = entry.header.kind else { return }
                for command in CommandOutput.of(entry) { console.line("      \(command.text)") }
            case .truncation(let group, let index):
                console.line(
                    "  \(record.offset): group \(group.value) truncated from \(index.value)"
                )
            case .hardState(let group, let state):
                console.line(
                    "  \(record.offset): group \(group.value) term \(state.term.value) "
                        + "vote \(state.vote.value)"
                )
            case .start(let group, let start):
                console.line(
                    "  \(record.offset): group \(group.value) begins anew behind a snapshot of "
                        + "index \(start.position.index.value) term \(start.position.term.value)"
                )
            case .resume(let group, let state, let start):
                console.line(
                    "  \(record.offset): group \(group.value) goes on behind "
                        + "index \(start.position.index.value) term \(start.position.term.value) "
                        + "in term \(state.term.value) vote \(state.vote.value)"
                )
            }
        }
    }
}

extension SegmentDump {
    /// Everything before this offset was durable once, as later batches of the segment say.
    var durableEnd: Int {
        batches.filter { $0.syncedSegment == number }.map(\.syncedOffset).max() ?? 0
    }
}
