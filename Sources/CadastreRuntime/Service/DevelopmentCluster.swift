internal import CadastreNode
internal import CadastreProtocol
internal import Foundation

/// A cluster of one node with throw-away certificates, for trying things out: everything under one
/// folder, made once.
///
/// ```
/// development       says that `cadastred dev` made the folder, and may use it
/// pki/              root, node (two certificates), operator, service, tenant
/// genesis.json      the cluster
/// cadastred.json    the node's configuration
/// operator.json     profiles for `cadastre … --profile`
/// service.json
/// tenant.json
/// data/             the node's data folder
/// ```
///
/// Nothing that exists is ever removed or written over.
package struct DevelopmentCluster: Sendable {
    /// The node's data folder has to be founded.
    let isNew: Bool
    private let directory: String

    private static let marker = "development"

    /// The node's configuration.
    var configurationPath: String { directory + "/cadastred.json" }

    /// Finds the cluster of a folder, or makes it.
    ///
    /// - Throws: `NodeError` if the folder holds what was not made here, or was made by half; else
    ///   what the disk or OpenSSL said.
    init(directory: String, port: Int) throws {
        let directory = URL(fileURLWithPath: directory).standardizedFileURL.path
        self.directory = directory
        func exists(_ name: String) -> Bool {
            FileManager.default.fileExists(atPath: directory + "/" + name)
        }
        isNew = !exists("data/identity")
        if exists(Self.marker) {
            // Written last.
            guard exists("cadastred.json") else {
                throw NodeError(
                    .inUse,
                    "\(directory) was made only by half; remove it, and start again"
                )
            }
            return
        }
        for name in ["data", "pki", "genesis.json", "cadastred.json"] where exists(name) {
            throw NodeError(
                .inUse,
                "\(directory)/\(name) exists, and `cadastred dev` did not make it; choose another "
                    + "--directory"
            )
        }
        try FileManager.default.createDirectory(
            atPath: directory + "/pki",
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        let files = DevelopmentFiles(directory: directory, port: port)
        try files.writeMarker(Self.marker)
        try files.writeCertificates()
        try files.writeTexts()
    }

    /// Makes a tenant to use the node with, and lets the service act for it.
    ///
    /// - Throws: `NodeError` if that cannot be done; `CancellationError`.
    package func prepare(_ runtime: NodeRuntime) async throws {
        let session = try await openSession(runtime)
        let tenant = Array(DevelopmentFiles.tenant.utf8)
        let steps: [Command] = [
            .createTenant(CreateTenant(name: tenant, quota: Quota())),
            .grantService(GrantService(tenant: tenant, service: Array("dev".utf8))),
        ]
        for (place, command) in steps.enumerated() {
            let slot = RequestIdentity.slot(session: session, slot: UInt32(place), sequence: 1)
            let reply = await runtime.propose(command, slot, by: Self.caller)
            guard case .command(let outcome) = reply,
                // From the second start on there is one.
                outcome.refusal == nil || outcome.refusal == .tenantExists
            else { throw Self.failure(reply) }
        }
        let close = Command.expireSession(ExpireSession(session: session))
        _ = await runtime.propose(close, .none, by: Self.caller)
    }

    /// How to use the node.
    package var advice: String {
        let boss = Self.quoted(directory + "/operator.json")
        let tenant = Self.quoted(directory + "/tenant.json")
        return """
            One node for development; all of it is in \(directory). Stop it with Ctrl-C. Try:

              cadastre status --profile \(boss)
              cadastre bucket create first --profile \(tenant)
              cadastre import directory . --bucket first --profile \(tenant)

            """
    }

    /// As a shell reads it as one word.
    private static func quoted(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"):
                true
            default: false
            }
        }
        let parts = path.split(separator: "'", omittingEmptySubsequences: false)
        return isPlain ? path : "'\(parts.joined(separator: "'\\''"))'"
    }

    private static let caller = Principal.operator(name: Array("dev".utf8))

    /// Opens a session as soon as the node leads and has caught up.
    private func openSession(_ runtime: NodeRuntime) async throws -> UInt64 {
        let end = Clock.monotonic + 30_000_000_000
        while true {
            let reply = await runtime.propose(
                .openSession(OpenSession(slots: 2)),
                .none,
                by: Self.caller
            )
            switch reply {
            case .command(let outcome) where outcome.refusal == nil: return outcome.number
            case .refused(let refusal, _) where refusal.isRetryable && Clock.monotonic < end:
                try await Task.sleep(for: .milliseconds(20))
            case .command, .refused, .unknown, .answer, .page, .digest, .transferred, .memberPlan,
                .policyPlan, .forbidden:
                throw Self.failure(reply)
            }
        }
    }

    private static func failure(_ reply: CadastreNode.ReplyContent) -> NodeError {
        NodeError(
            .inputOutput,
            "the demonstration tenant could not be made (\(reply)); look at the log above"
        )
    }
}
