import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import RaftCore

/// Runs the lines of a script against one machine and writes down what comes of each.
///
/// | line | meaning |
/// |---|---|
/// | `as operator NAME`, `as service NAME [TENANT]`, `as tenant TENANT NAME`, `as node N` | who speaks from here on, with a session of its own |
/// | `create-tenant NAME [bytes=N] [objects=N] [buckets=N]`, `update-tenant` likewise | |
/// | `suspend NAME`, `activate NAME`, `delete-tenant NAME` | |
/// | `grant TENANT SERVICE`, `revoke TENANT SERVICE` | |
/// | `create-bucket NAME`, `delete-bucket NAME` | |
/// | `put BUCKET KEY [size=N] [etag=E] [modified=N] [if=absent/present/E,E]`, `delete BUCKET KEY [if=…]` | |
/// | `open-session`, `close-session` | another one; that of who speaks |
/// | `tick NODE=MS …`, `voters N …` | |
/// | `again`, `sequence N`, `slot N`, `epoch N` | the last request once more; what the next one carries |
/// | `get BUCKET KEY`, `list BUCKET [prefix=] [delimiter=] [after=] [max=]`, `usage [BUCKET]` | |
/// | `tenants`, `tenant NAME`, `buckets [prefix=] [after=] [max=]`, `bucket NAME`, `grants NAME` | |
/// | `verify` | the digest from the rows |
struct Script {
    let machine: StateMachine
    private(set) var transcript = ""
    private var principal = Principal.operator(name: bytes("root"))
    private var tenant = TenantID.none
    private var sessions: [Principal: (id: UInt64, sequences: [UInt32: UInt64])] = [:]
    private var last: CommandEnvelope?
    private var slot: UInt32 = 0
    private var sequence: UInt64?
    private var bucketEpoch: UInt64 = 0

    /// A line that the table above does not have.
    struct Unknown: Error {
        var line: String
    }

    init() throws { machine = try makeMachine() }

    /// Runs one line.
    mutating func run(_ line: String) throws {
        transcript += "\(line)\n"
        var words = line.split(separator: " ").map(String.init)
        let verb = words.removeFirst()
        let options = Dictionary(
            words.compactMap { word -> (String, String)? in
                guard let place = word.firstIndex(of: "=") else { return nil }
                return (String(word[..<place]), String(word[word.index(after: place)...]))
            },
            uniquingKeysWith: { $1 }
        )
        let names = words.filter { !$0.contains("=") }.map(bytes)
        switch verb {
        case "as": try speak(words, line)
        case "again":
            if let last { say(try machine.apply(last)) }
        case "sequence": sequence = words.first.flatMap { UInt64($0) }
        case "slot": slot = words.first.flatMap { UInt32($0) } ?? 0
        case "epoch": bucketEpoch = words.first.flatMap { UInt64($0) } ?? 0
        case "voters": try vote(words)
        case "verify":
            let found = try machine.recomputeDigest()
            say("\(found.rows) rows, \(found.digest == machine.digest ? "equal" : "DIFFERENT")")
        default:
            if let command = command(verb, names, options, words) {
                let before = sessions[principal]?.sequences[slot]
                let reply = try machine.apply(envelope(command))
                // What was not judged did not take up its sequence.
                if reply.refusal?.isStored == false {
                    sessions[principal]?.sequences[slot] = before
                }
                say(reply)
            } else if let query = query(verb, names, options) {
                say(try machine.answer(query, tenant: tenant, principal: principal))
            } else {
                throw Unknown(line: line)
            }
        }
    }

    // MARK: Who speaks

    private mutating func speak(_ words: [String], _ line: String) throws {
        slot = 0
        switch words.first {
        case "operator" where words.count == 2: principal = .operator(name: bytes(words[1]))
        case "service" where words.count >= 2: principal = .service(name: bytes(words[1]))
        case "tenant" where words.count == 3:
            principal = .tenant(tenant: bytes(words[1]), name: bytes(words[2]))
        case "node" where words.count == 2: principal = .node(UInt64(words[1]) ?? 0)
        default: throw Unknown(line: line)
        }
        let acted = words.first == "tenant" ? words[1] : words.count == 3 ? words[2] : nil
        tenant = acted.flatMap { machine.accessView.tenants[bytes($0)]?.id } ?? .none
        if case .node = principal { return }
        guard sessions[principal] == nil else { return }
        let id = try Caller(principal, on: machine).session
        sessions[principal] = (id, [:])
    }

    private mutating func envelope(_ command: Command) -> CommandEnvelope {
        var identity = RequestIdentity.none
        if let session = sessions[principal], command.tag != .tick {
            let next = sequence ?? (session.sequences[slot] ?? 0) + 1
            sessions[principal]?.sequences[slot] = next
            identity = .slot(session: session.id, slot: slot, sequence: next)
        }
        sequence = nil
        let envelope = CommandEnvelope(
            principal: principal,
            tenant: tenant,
            bucketEpoch: bucketEpoch,
            identity: identity,
            command: command
        )
        last = envelope
        return envelope
    }

    private func vote(_ words: [String]) throws {
        let configuration = Configuration(
            members: words.compactMap { UInt64($0) }.map { member($0) },
            featureLevel: 1
        )
        try machine.apply(
            TestEntry(
                machine.applied.index.value + 1,
                [],
                kind: .configuration(configuration)
            )
        )
    }

    // MARK: What is said

    private func command(
        _ verb: String,
        _ names: [[UInt8]],
        _ options: [String: String],
        _ words: [String]
    ) -> Command? {
        func name(_ place: Int) -> [UInt8] { place < names.count ? names[place] : [] }
        func number(_ key: String) -> UInt64? { options[key].flatMap { UInt64($0) } }
        let quota = Quota(
            bytes: number("bytes"),
            objects: number("objects"),
            buckets: number("buckets")
        )
        switch verb {
        case "create-tenant": return .createTenant(CreateTenant(name: name(0), quota: quota))
        case "update-tenant": return .updateTenant(UpdateTenant(name: name(0), quota: quota))
        case "suspend":
            return .setTenantStatus(SetTenantStatus(name: name(0), status: .suspended))
        case "activate": return .setTenantStatus(SetTenantStatus(name: name(0), status: .active))
        case "delete-tenant": return .deleteTenant(DeleteTenant(name: name(0)))
        case "grant": return .grantService(GrantService(tenant: name(0), service: name(1)))
        case "revoke": return .revokeService(RevokeService(tenant: name(0), service: name(1)))
        case "create-bucket": return .createBucket(CreateBucket(name: name(0)))
        case "delete-bucket": return .deleteBucket(DeleteBucket(name: name(0)))
        case "put":
            return .putObject(
                PutObject(
                    bucket: name(0),
                    key: name(1),
                    size: number("size") ?? 0,
                    etag: bytes(options["etag"] ?? ""),
                    precondition: precondition(options["if"]),
                    modifiedMilliseconds: number("modified")
                )
            )
        case "delete":
            return .deleteObject(
                DeleteObject(
                    bucket: name(0),
                    key: name(1),
                    precondition: precondition(options["if"])
                )
            )
        case "open-session": return .openSession(OpenSession(slots: 2))
        case "close-session":
            return .expireSession(ExpireSession(session: sessions[principal]?.id ?? 0))
        case "tick":
            let samples = words.compactMap { word -> ClockSample? in
                let parts = word.split(separator: "=").compactMap { UInt64($0) }
                return parts.count == 2
                    ? ClockSample(node: parts[0], wallMilliseconds: parts[1]) : nil
            }
            return .tick(Tick(samples: samples))
        default: return nil
        }
    }

    private func precondition(_ text: String?) -> Precondition? {
        switch text {
        case nil: nil
        case "absent": .ifAbsent
        case "present": .ifPresent
        case let tags?: .ifMatch(tags.split(separator: ",").map { bytes(String($0)) })
        }
    }

    private func query(
        _ verb: String,
        _ names: [[UInt8]],
        _ options: [String: String]
    ) -> Query? {
        let maximum = options["max"].flatMap { Int($0) } ?? 1_000
        let after = bytes(options["after"] ?? "")
        let prefix = bytes(options["prefix"] ?? "")
        switch (verb, names.count) {
        case ("get", 2): return .getObject(bucket: names[0], key: names[1])
        case ("list", 1):
            return .listObjects(
                ObjectListing(
                    bucket: names[0],
                    prefix: prefix,
                    delimiter: bytes(options["delimiter"] ?? ""),
                    after: after,
                    maximum: maximum
                )
            )
        case ("usage", _): return .getUsage(bucket: names.first)
        case ("tenants", 0): return .listTenants(after: after, maximum: maximum)
        case ("tenant", 1): return .getTenant(name: names[0])
        case ("buckets", 0): return .listBuckets(prefix: prefix, after: after, maximum: maximum)
        case ("bucket", 1): return .getBucket(name: names[0])
        case ("grants", 1): return .listGrants(tenant: names[0], after: after, maximum: maximum)
        default: return nil
        }
    }
}

/// What is written down.
extension Script {
    private mutating func say(_ text: String) { transcript += "    \(text)\n" }

    private mutating func say(_ reply: Reply) {
        if let refusal = reply.refusal { return say("refused: \(refusal)") }
        var words = reply.sequence == 0 ? "nothing to do" : "done"
        if case .openSession = last?.command { return say(words) }
        if reply.number != 0 { words += ", number \(reply.number)" }
        say(words)
    }

    private mutating func say(_ outcome: Result<Answer, Refusal>) {
        switch outcome {
        case .failure(let refusal): say("refused: \(refusal)")
        case .success(.tenant(let record)): say(words(record))
        case .success(.tenants(let page)):
            for record in page.elements { say(words(record)) }
            if page.isTruncated { say("and more") }
        case .success(.bucket(let record)): say(words(record))
        case .success(.buckets(let page)):
            for record in page.elements { say(words(record)) }
            if page.isTruncated { say("and more") }
        case .success(.object(let record)):
            say(
                "\(text(record.key)), size \(record.size), etag \(text(record.etag)), modified "
                    + "\(record.modifiedMilliseconds)"
            )
        case .success(.objects(let page)):
            for item in page.items {
                switch item {
                case .object(let key, _, let size, _, _): say("\(text(key)), size \(size)")
                case .commonPrefix(let prefix): say("\(text(prefix)) …")
                }
            }
            say(page.isTruncated ? "and more after \(text(page.next))" : "no more")
        case .success(.usage(let usage)): say(words(usage))
        case .success(.grants(let page)):
            say(page.elements.map(text).joined(separator: " "))
        }
    }

    private func words(_ record: TenantRecord) -> String {
        "\(text(record.name)), \(record.status), \(words(record.usage))"
    }

    private func words(_ record: BucketRecord) -> String {
        "\(text(record.name)), epoch \(record.epoch), \(words(record.usage))"
    }

    private func words(_ usage: Usage) -> String {
        "\(usage.buckets) buckets, \(usage.objects) objects, \(usage.bytes) bytes"
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
