internal import ArgumentParser
internal import CadastreClient

/// The verb `cadastre status`.
struct StatusVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows how every node is, and which one leads.",
        discussion: "Example: cadastre status --profile operator.json"
    )

    @OptionGroup
    var options: ClusterOptions

    func run() async throws {
        let settings = try options.settings()
        let nodes = try await NodeReport.all(settings)
        options.console.json(StatusOutput(nodes))
        options.console.line(Self.table(nodes))
        for status in nodes.compactMap(\.status) {
            if let note = Self.note(on: status.node, status.snapshots) {
                options.console.line(note)
            }
        }
        guard nodes.contains(where: { $0.status?.role == "leader" }) else {
            throw Failure(
                .unavailable,
                "no node that answers leads",
                advice: "wait for the election, or start enough nodes for a majority"
            )
        }
    }

    /// What of a node's snapshots and files somebody should know; nil if nothing is unusual.
    static func note(on node: UInt64, _ snapshots: NodeStatus.Snapshots) -> String? {
        var parts: [String] = []
        if snapshots.receivingBytes > 0 {
            let here = Readable.size(snapshots.receivedBytes)
            parts.append(
                "fetches a snapshot, \(here) of \(Readable.size(snapshots.receivingBytes))"
            )
        }
        if snapshots.damagesFound > 0 {
            let times = snapshots.damagesFound == 1 ? "once" : "\(snapshots.damagesFound) times"
            parts.append(
                "found damage in its files \(times) since its start, and its log says where"
            )
        }
        return parts.isEmpty ? nil : "Node \(node) \(parts.joined(separator: "; it "))."
    }

    /// What people read.
    static func table(_ nodes: [NodeReport]) -> String {
        var table = Table([
            ("", .left), ("NODE", .right), ("ROLE", .left), ("SITE", .left), ("TERM", .right),
            ("COMMITTED", .right), ("APPLIED", .right), ("OBJECTS", .right), ("MEMORY", .right),
            ("UP", .right), ("ADMINISTRATION", .left),
        ])
        for node in nodes {
            guard let status = node.status else {
                table.add([
                    " ", node.node.map(String.init) ?? "?", "down", Escaped.text(node.site), "", "",
                    "", "", "", "", "\(node.endpoint)",
                ])
                continue
            }
            table.add([
                status.role == "leader" ? "*" : " ",
                String(status.node),
                Escaped.text(status.role) + (node.isWitness ? ", witness" : ""),
                Escaped.text(status.site),
                String(status.term),
                Readable.count(status.commitIndex),
                Readable.count(status.appliedIndex),
                Readable.count(status.objects),
                Readable.size(status.residentBytes),
                Readable.time(.milliseconds(Int64(clamping: status.uptimeMilliseconds))),
                "\(node.endpoint)",
            ])
        }
        return table.text
    }
}

/// What one node says, or that it does not answer.
struct NodeReport: Sendable {
    var endpoint: Endpoint
    /// As the members' list says; nil if no node could be asked for it.
    var node: UInt64?
    var site: String
    var status: NodeStatus?
    /// It votes and keeps no state.
    var isWitness = false
    /// Why there is no status.
    var reason: String

    /// Asks every node given and every member that those know, all at once.
    ///
    /// - Throws: `Failure` if the settings are wrong, or no node lets this identity in.
    static func all(
        _ settings: ClusterSettings,
        deadline: Duration = .seconds(2)
    ) async throws(Failure) -> [NodeReport] {
        let configuration = try settings.configuration(.administration)
        return try await CadastreClient.with(configuration) { client throws(Failure) in
            try await all(client, configuration.endpoints, settings.deadline ?? deadline)
        }
    }

    /// Asks with a client that is there already.
    static func all(
        _ client: CadastreClient,
        _ endpoints: [Endpoint],
        _ deadline: Duration
    ) async throws(Failure) -> [NodeReport] {
        let members = await firstMembers(client, endpoints, deadline)
        var places: [Endpoint: Member?] = [:]
        for endpoint in endpoints { places[endpoint] = .some(nil) }
        for member in members?.members ?? [] {
            if let endpoint = Endpoint(member.administrationAddress) { places[endpoint] = member }
        }
        let asked = places
        let reports = await withTaskGroup(of: NodeReport.self) { group in
            for (endpoint, member) in asked {
                group.addTask {
                    let outcome = await client.administer(
                        GetStatus(),
                        at: endpoint,
                        deadline: deadline
                    )
                    var report = NodeReport(
                        endpoint: endpoint,
                        node: outcome.value?.node ?? member?.node,
                        site: member?.site ?? "",
                        status: outcome.value,
                        isWitness: (outcome.value?.own?.role ?? member?.role) == "witness",
                        reason: ""
                    )
                    if let refused = outcome.refusal { report.reason = refused.description }
                    return report
                }
            }
            var reports: [NodeReport] = []
            for await report in group { reports.append(report) }
            return reports
        }
        let sorted = reports.sorted {
            ($0.node ?? .max, $0.endpoint.description) < ($1.node ?? .max, $1.endpoint.description)
        }
        // The same node under two names is shown once.
        var seen: Set<UInt64> = []
        return sorted.filter { report in
            report.status.map { seen.insert($0.node).inserted } ?? true
        }
    }

    private static func firstMembers(
        _ client: CadastreClient,
        _ endpoints: [Endpoint],
        _ deadline: Duration
    ) async -> Members? {
        await withTaskGroup(of: Members?.self) { group in
            for endpoint in endpoints {
                group.addTask {
                    await client.administer(GetMembers(), at: endpoint, deadline: deadline).value
                }
            }
            for await members in group {
                if let members, !members.members.isEmpty {
                    group.cancelAll()
                    return members
                }
            }
            return nil
        }
    }
}

/// `status` for programs.
struct StatusOutput: Encodable {
    /// One node.
    struct Node: Encodable {
        var endpoint: String
        var node: UInt64?
        var up: Bool
        var reason: String?
        var role: String?
        var witness: Bool
        var leader: UInt64?
        var term: UInt64?
        var commit_index: UInt64?
        var applied_index: UInt64?
        var last_index: UInt64?
        var persisted_index: UInt64?
        var cluster_time_ms: UInt64?
        var site: String?
        var version: String?
        var feature_level: UInt32?
        var uptime_ms: UInt64?
        var resident_bytes: UInt64?
        var cpu_ms: UInt64?
        var journal_bytes: UInt64?
        var fsyncs: UInt64?
        var entries_written: UInt64?
        var commands_applied: UInt64?
        var objects: UInt64?
        var digest: String?
        var snapshots: Snapshots?
    }

    /// What a node has of snapshots, and of looking after its files.
    struct Snapshots: Encodable {
        var index: UInt64
        var bytes: UInt64
        var time_ms: UInt64
        var receiving_bytes: UInt64
        var received_bytes: UInt64
        var scrubbed_bytes: UInt64
        var scrubs: UInt64
        var last_scrub_ms: UInt64
        var damages_found: UInt64

        init(_ status: NodeStatus.Snapshots) {
            index = status.newestIndex
            bytes = status.newestBytes
            time_ms = status.newestTimeMilliseconds
            receiving_bytes = status.receivingBytes
            received_bytes = status.receivedBytes
            scrubbed_bytes = status.scrubbedBytes
            scrubs = status.scrubs
            last_scrub_ms = status.lastScrubMilliseconds
            damages_found = status.damagesFound
        }
    }

    /// 0 if none is known.
    var leader: UInt64
    var nodes: [Node]

    /// Puts the reports together.
    init(_ reports: [NodeReport]) {
        leader =
            reports.compactMap(\.status).filter { $0.role == "leader" }
            .max { $0.term < $1.term }?.node ?? 0
        nodes = reports.map { report in
            let status = report.status
            return Node(
                endpoint: "\(report.endpoint)",
                node: report.node,
                up: status != nil,
                reason: status == nil ? report.reason : nil,
                role: status?.role,
                witness: report.isWitness,
                leader: status?.leader,
                term: status?.term,
                commit_index: status?.commitIndex,
                applied_index: status?.appliedIndex,
                last_index: status?.lastIndex,
                persisted_index: status?.persistedIndex,
                cluster_time_ms: status?.clusterTimeMilliseconds,
                site: status?.site,
                version: status?.version,
                feature_level: status?.featureLevel,
                uptime_ms: status?.uptimeMilliseconds,
                resident_bytes: status?.residentBytes,
                cpu_ms: status?.processorMilliseconds,
                journal_bytes: status?.journalBytes,
                fsyncs: status?.fsyncs,
                entries_written: status?.entriesWritten,
                commands_applied: status?.commandsApplied,
                objects: status?.objects,
                digest: status.map { Hexadecimal.encode($0.digest) },
                snapshots: status.map { Snapshots($0.snapshots) }
            )
        }
    }
}
