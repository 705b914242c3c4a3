import Foundation
import Testing

/// One cluster of real processes in a folder of its own.
final class RunningCluster {
    let folder: URL
    /// The nodes, as the topology numbers them.
    var nodes: [Int]
    private let environment: [String: String]

    /// Starts the nodes; nobody is admitted yet.
    ///
    /// - Parameters:
    ///   - portShift: Keeps the ports of clusters apart.
    ///   - sites: How many nodes.
    ///   - topology: As `cluster up` names it, if not by its number of nodes.
    ///   - withSites: Whether the distances between them are there.
    ///   - settings: Of all nodes, as environment variables.
    /// - Throws: If they do not start.
    init(
        portShift: Int,
        sites: Int = 3,
        topology: String? = nil,
        withSites: Bool = false,
        settings: [String: String] = [:]
    ) throws {
        folder = Shell.root.appending(path: "Cluster/.run/test-\(portShift)")
        environment = settings.merging([
            "CLUSTER_RUN": folder.path, "CLUSTER_PORT_SHIFT": "\(portShift)",
        ]) { $1 }
        nodes = Array(1...sites)
        try cluster("clean")
        let up = try Shell.run(
            Shell.script("cluster"),
            ["up", topology ?? "\(sites)"] + (withSites ? ["--sites"] : []),
            environment: environment
        )
        #expect(up.code == 0, "\(up.errors)")
    }

    deinit {
        // What does not stop here is found by the next `clean`.
        _ = try? attempt("clean")
    }

    /// What a node has logged.
    func log(_ node: Int) throws -> String {
        try String(contentsOf: folder.appending(path: "\(node)/log"), encoding: .utf8)
    }

    /// Creates the tenant and lets the service act for it.
    func admit() throws {
        try operate("tenant", "create", "demo-tenant")
        try operate("grant", "add", "demo-tenant", "demo-service")
    }

    /// Runs a verb of `Cluster/cluster`, whatever comes of it.
    @discardableResult
    func attempt(_ arguments: String...) throws -> Shell.Result {
        try Shell.run(Shell.script("cluster"), arguments, environment: environment)
    }

    /// Runs a verb of `Cluster/cluster`, which must succeed.
    @discardableResult
    func cluster(_ arguments: String...) throws -> Shell.Result {
        let result = try Shell.run(Shell.script("cluster"), arguments, environment: environment)
        #expect(result.code == 0, "cluster \(arguments): \(result.errors)")
        return result
    }

    /// The path of a profile.
    func profile(_ identity: String) -> String {
        folder.appending(path: "\(identity).json").path
    }

    /// Runs a verb of `cadastre` as some identity.
    @discardableResult
    func cadastre(as identity: String, _ arguments: [String]) throws -> Shell.Result {
        try Shell.run(
            Shell.program("cadastre"),
            arguments + ["--profile", profile(identity)]
        )
    }

    /// Starts a verb of `cadastre` as the service.
    func begin(_ arguments: String...) throws -> Running {
        try Running(
            Shell.program("cadastre"),
            arguments + ["--profile", profile("service")]
        )
    }

    /// Runs a verb as the operator, which must succeed.
    @discardableResult
    func operate(_ arguments: String...) throws -> Shell.Result {
        let result = try cadastre(as: "operator", arguments)
        #expect(result.code == 0, "\(arguments): \(result.errors)")
        return result
    }

    /// Runs a verb as the service, which must succeed.
    @discardableResult
    func serve(_ arguments: String...) throws -> Shell.Result {
        let result = try cadastre(as: "service", arguments)
        #expect(result.code == 0, "\(arguments): \(result.errors)")
        return result
    }

    /// The node that leads.
    func leader() throws -> String {
        try operate("wait-leader", "--timeout", "30").output
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Waits until all nodes follow one leader, and compares their digests.
    func expectAgreement() throws {
        try operate("wait-leader", "--nodes", "\(nodes.count)", "--timeout", "60")
        try operate("verify")
    }

    /// Waits until the tenant has this many objects.
    func waitForObjects(_ count: Int) throws {
        let end = Date().addingTimeInterval(60)
        while Date() < end {
            let usage = try cadastre(as: "service", ["usage", "--json"])
            if let objects = try? usage.json()["objects"] as? Int, objects >= count { return }
        }
        Issue.record("the import does not get on")
    }
}
