internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// Who asks: clients with sessions and slots, each slot one request at a time.
///
/// A command that was not answered is sent again, elsewhere, with the same identity, until it is
/// answered or given up.
struct Clients {
    /// One client.
    struct Client {
        /// As whom it comes.
        var principal: Principal
        /// Of which tenant of the set-up; nil for who sets up.
        var tenant: Int?
        /// Its session, once it is open.
        var session: UInt64 = 0
        /// The node it tries first.
        var node = 0
        /// Its requests.
        var slots: [Slot]
    }

    /// One request at a time.
    struct Slot {
        /// The sequence of its next command.
        var sequence: UInt64 = 1
        /// What is on the way.
        var request: Request?
        /// The newest attempt at it.
        var attempt = 0
        /// A command of this slot was given up: what it says from now on is unknown.
        var isRetired = false
        /// How many attempts the present request has had.
        var attempts = 0
    }

    /// What a slot wants.
    enum Request {
        /// Opens the client's session.
        case openSession
        /// A command: how the history knows it, what it is, and what it is for in the set-up.
        case write(Int, [UInt8], Step?)
        /// Reads one object.
        case get(ClientHistory.Key)
        /// Lists a bucket, whole.
        case list(TenantID, [UInt8])
    }

    /// A step of the set-up.
    enum Step: Hashable {
        case openSession(client: Int)
        case createTenant(Int)
        case grant(tenant: Int)
        case createBucket(tenant: Int, bucket: Int)
    }

    /// One sending of a request to one node.
    struct Attempt {
        var client: Int
        var slot: Int
        var request: Request
        var node: Int
        /// Everything through here had been answered before.
        var floor: LogIndex
    }

    var all: [Client] = []
    var attempts: [Attempt] = []
    /// What is left of the set-up, the next step last.
    var steps: [Step] = []
    /// The tenants' numbers, once they are made.
    var tenants: [TenantID]
    /// Requests given up; for the reach marks.
    var abandoned: [Int] = []
    /// Buckets still to be listed at the end.
    var comparisons: [(tenant: Int, bucket: Int)] = []
    /// Entity tags used so far.
    var values = 0
    let scenario: Scenario

    /// Clients as the scenario wants them.
    init(_ scenario: Scenario) {
        self.scenario = scenario
        tenants = Array(repeating: .none, count: scenario.tenants)
        all.append(
            Client(principal: .operator(name: Array("register".utf8)), tenant: nil, slots: [Slot()])
        )
        for client in 0..<max(scenario.clients, scenario.tenants) {
            let tenant = client % scenario.tenants
            let name = Array("client-\(client)".utf8)
            // The last one is a service, which acts for a tenant by its grant.
            let isService = client >= scenario.tenants && client == scenario.clients - 1
            let principal =
                isService
                ? Principal.service(name: Array("service".utf8))
                : .tenant(tenant: Self.tenantName(tenant), name: name)
            all.append(
                Client(
                    principal: principal,
                    tenant: tenant,
                    node: client % scenario.nodes,
                    slots: Array(repeating: Slot(), count: scenario.slots)
                )
            )
        }
        var steps: [Step] = [.openSession(client: 0)]
        for tenant in 0..<scenario.tenants {
            steps.append(.createTenant(tenant))
            steps.append(.grant(tenant: tenant))
        }
        for client in 1..<all.count { steps.append(.openSession(client: client)) }
        for tenant in 0..<scenario.tenants {
            for bucket in 0..<scenario.buckets {
                steps.append(.createBucket(tenant: tenant, bucket: bucket))
            }
        }
        self.steps = steps.reversed()
    }

    static func tenantName(_ tenant: Int) -> [UInt8] { Array("tenant-\(tenant)".utf8) }

    static func bucketName(_ tenant: Int, _ bucket: Int) -> [UInt8] {
        Array("bucket-\(tenant)-\(bucket)".utf8)
    }

    /// Nothing of the set-up is left.
    var isSetUp: Bool { steps.isEmpty && isIdle }

    /// No request is on the way.
    var isIdle: Bool {
        all.allSatisfy { client in client.slots.allSatisfy { $0.request == nil } }
    }

    /// For the report of a cluster that does not go on.
    var condition: String {
        let open = all.enumerated().flatMap { client in
            client.element.slots.compactMap { slot in
                slot.request.map { "client \(client.offset) waits for \($0)" }
            }
        }
        return open.joined(separator: ", ")
    }
}
