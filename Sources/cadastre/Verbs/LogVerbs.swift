internal import ArgumentParser
internal import CadastreDisk
internal import CadastreProtocol
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
                The exit code is 65 if something in it cannot be read. What lies behind the last \
                batch may be left over from an earlier use of the file.
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
            console.json(SegmentOutput(dump))
            for batch in dump.batches {
                console.line(
                    "\(batch.offset): batch \(batch.number), \(batch.size) bytes, synced through "
                        + "segment \(batch.syncedSegment) offset \(batch.syncedOffset)"
                )
                for record in batch.records { show(record, on: console) }
            }
            let end = dump.batches.last.map { $0.offset + $0.size } ?? 0
            let damage = dump.problems.filter { $0.offset < end }
            for problem in dump.problems {
                let isDamage = problem.offset < end
                Console.remark(
                    "offset \(problem.offset): \(Escaped.text(problem.reason))"
                        + (isDamage ? "" : " (behind the last batch)")
                )
            }
            guard damage.isEmpty else {
                throw Failure(
                    .badData,
                    "\(damage.count) places of the segment cannot be read",
                    advice: "keep the file; the node mends it from the others or refuses to start"
                )
            }
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
                for line in CommandLines.of(entry) { console.line("      \(line)") }
            case .truncation(let group, let index):
                console.line(
                    "  \(record.offset): group \(group.value) truncated from \(index.value)"
                )
            case .hardState(let group, let state):
                console.line(
                    "  \(record.offset): group \(group.value) term \(state.term.value) "
                        + "vote \(state.vote.value)"
                )
            }
        }
    }
}

/// A segment for programs: one line of JSON for the whole.
private struct SegmentOutput: Encodable {
    struct Batch: Encodable {
        var offset: Int
        var size: Int
        var number: UInt64
        var synced_segment: UInt64
        var synced_offset: Int
        var records: [EntryOutput]
    }
    struct Problem: Encodable {
        var offset: Int
        var reason: String
    }

    var number: UInt64
    var size: Int
    var identity: String
    var batches: [Batch]
    var problems: [Problem]

    init(_ dump: SegmentDump) {
        number = dump.number
        size = dump.size
        identity = "\(dump.identity)"
        batches = dump.batches.map { batch in
            Batch(
                offset: batch.offset,
                size: batch.size,
                number: batch.number,
                synced_segment: batch.syncedSegment,
                synced_offset: batch.syncedOffset,
                records: batch.records.map { EntryOutput($0) }
            )
        }
        problems = dump.problems.map { Problem(offset: $0.offset, reason: $0.reason) }
    }
}

/// One record for programs.
private struct EntryOutput: Encodable {
    var offset: Int
    var kind: String
    var group: UInt32
    var index: UInt64?
    var term: UInt64?
    var vote: UInt64?
    var commands: Int?
    var size: Int?
    var now_ms: UInt64?

    init(_ record: SegmentDump.Entry) {
        offset = record.offset
        switch record.content {
        case .entry(let entry):
            kind = Self.kind(entry.header.kind)
            group = entry.group.value
            index = entry.index.value
            term = entry.term.value
            commands = entry.sections.reduce(0) { $0 + $1.itemCount }
            size = entry.bytes.count
            now_ms = entry.now
        case .truncation(let group, let index):
            kind = "truncation"
            self.group = group.value
            self.index = index.value
        case .hardState(let group, let state):
            kind = "hard state"
            self.group = group.value
            term = state.term.value
            vote = state.vote.value
        }
    }

    static func text(_ entry: Entry) -> String {
        let count = entry.sections.reduce(0) { $0 + $1.itemCount }
        return "group \(entry.group.value) index \(entry.index.value) term \(entry.term.value) "
            + "\(kind(entry.header.kind)), \(count) commands, \(entry.bytes.count) bytes, "
            + Timestamp.text(entry.now)
    }

    private static func kind(_ kind: EntryKind) -> String {
        switch kind {
        case .commands: "commands"
        case .noOp: "no-op"
        case .configuration: "configuration"
        }
    }
}

/// The commands of an entry, one line each.
private enum CommandLines {
    static func of(_ entry: Entry) -> [String] {
        do throws(StorageError) {
            return try entry.items().map { line(Array($0)) }
        } catch {
            return ["the commands cannot be read: \(Escaped.text(error.description))"]
        }
    }

    private static func line(_ bytes: [UInt8]) -> String {
        do throws(ProtocolError) {
            let envelope = try CommandEnvelope(decoding: bytes)
            return
                "\(envelope.command.tag) tenant \(envelope.tenant.value) \(what(envelope.command))"
        } catch {
            return "not a command: \(Escaped.text(error.detail))"
        }
    }

    private static func what(_ command: Command) -> String {
        switch command {
        case .createTenant(let command): Escaped.bytes(command.name)
        case .updateTenant(let command): Escaped.bytes(command.name)
        case .setTenantStatus(let command): "\(Escaped.bytes(command.name)) \(command.status)"
        case .deleteTenant(let command): Escaped.bytes(command.name)
        case .grantService(let command):
            "\(Escaped.bytes(command.tenant)) \(Escaped.bytes(command.service))"
        case .revokeService(let command):
            "\(Escaped.bytes(command.tenant)) \(Escaped.bytes(command.service))"
        case .createBucket(let command): Escaped.bytes(command.name)
        case .deleteBucket(let command): Escaped.bytes(command.name)
        case .putObject(let command):
            "\(Escaped.bytes(command.bucket))/\(Escaped.bytes(command.key)) \(command.size) bytes"
        case .deleteObject(let command):
            "\(Escaped.bytes(command.bucket))/\(Escaped.bytes(command.key))"
        case .openSession(let command): "\(command.slots) slots"
        case .expireSession(let command): "\(command.session)"
        case .tick(let command): "\(command.samples.count) clocks"
        }
    }
}
