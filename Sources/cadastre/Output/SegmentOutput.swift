internal import CadastreProtocol
internal import CadastreStorage
internal import RaftCore

/// A segment for programs: one line of JSON for the whole.
struct SegmentOutput: Encodable {
    struct Batch: Encodable {
        var offset: Int
        var size: Int
        var number: UInt64
        var synced_segment: UInt64
        var synced_offset: Int
        var first_segment: UInt64
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

    /// Takes a segment, with the commands of its entries if they are asked for.
    init(_ dump: SegmentDump, showsCommands: Bool) {
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
                first_segment: batch.firstSegment,
                records: batch.records.map { EntryOutput($0, showsCommands: showsCommands) }
            )
        }
        problems = dump.problems.map { Problem(offset: $0.offset, reason: $0.reason) }
    }
}

/// One record for programs.
struct EntryOutput: Encodable {
    var offset: Int
    var kind: String
    var group: UInt32
    var index: UInt64?
    var term: UInt64?
    var vote: UInt64?
    var commands: Int?
    var size: Int?
    var now_ms: UInt64?
    /// Each command, where they are asked for.
    var command_list: [CommandOutput]?

    /// Takes a record.
    init(_ record: SegmentDump.Entry, showsCommands: Bool) {
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
            if showsCommands, case .commands = entry.header.kind {
                command_list = CommandOutput.of(entry)
            }
        case .truncation(let group, let index):
            kind = "truncation"
            self.group = group.value
            self.index = index.value
        case .hardState(let group, let state):
            kind = "hard state"
            self.group = group.value
            term = state.term.value
            vote = state.vote.value
        case .start(let group, let start):
            kind = "start"
            self.group = group.value
            index = start.position.index.value
            term = start.position.term.value
        case .resume(let group, let state, let start):
            // The term of the entry; that of the hard state is in the batches that change it.
            kind = "resume"
            self.group = group.value
            index = start.position.index.value
            term = start.position.term.value
            vote = state.vote.value
        }
    }

    /// An entry in one line for people.
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

/// One command of an entry.
struct CommandOutput: Encodable {
    /// The command's name; nil if it cannot be read.
    var command: String?
    var tenant: UInt64?
    /// What it is about, or why it cannot be read; escaped.
    var detail: String

    /// In one line for people.
    var text: String {
        guard let command, let tenant else { return detail }
        return "\(command) tenant \(tenant) \(detail)"
    }

    /// The commands of an entry, in order.
    static func of(_ entry: Entry) -> [CommandOutput] {
        do throws(StorageError) {
            return try entry.items().map { CommandOutput(Array($0)) }
        } catch {
            let reason = Escaped.text(error.description)
            return [CommandOutput(detail: "the commands cannot be read: \(reason)")]
        }
    }

    private init(detail: String) { self.detail = detail }

    private init(_ bytes: [UInt8]) {
        do throws(ProtocolError) {
            let envelope = try CommandEnvelope(decoding: bytes)
            command = "\(envelope.command.tag)"
            tenant = envelope.tenant.value
            detail = Self.what(envelope.command)
        } catch {
            detail = "not a command: \(Escaped.text(error.detail))"
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
        case .batch(let command):
            Escaped.bytes(command.operations[0].object.bucket)
                + ", \(command.operations.count) operations"
        }
    }
}
