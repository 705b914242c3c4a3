internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// Who asks: clients with sessions and slots, each slot one request at a time.
///
/// A command that was not answered is sent again, elsewhere, with the same identity, until it is
/// answered or given up. What they are told is judged where it leaves the node; they themselves only
/// go on with it.
struct Clients {
    /// One client.
    struct Client {
        /// As whom it comes.
        var principal: Principal
        /// Of which tenant of the set-up; nil for who administers.
        var tenant: Int?
        /// Its session, once it is open.
        var session: UInt64 = 0
        /// It is closing its session and opening another one.
        var isRenewing = false
        /// The node it tries first.
        var node = 0
        /// Its requests.
        var slots: [Slot]
        /// It was answered something new after the faults had ended.
        var hasSaidFarewell = false

        /// Whether it acts for tenants by their grants.
        var isService: Bool {
            switch principal {
            case .service: true
            case .node, .operator, .tenant: false
            }
        }
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

    /// What is asked.
    enum Content: Hashable {
        /// A command's envelope, for a tenant's queue.
        case command([UInt8], TenantID)
        /// A query about what a tenant holds.
        case query(Query, TenantID)
    }

    /// What a slot may want, of a tenant.
    enum Wish {
        /// Under the slot's next sequence.
        case command(Command, TenantID)
        case query(Query, TenantID)
    }

    /// Why it is asked.
    enum Purpose: Hashable {
        case setUp(Step)
        case work
        /// Closes the session.
        case expiry
        /// Opens the next one.
        case opening
        /// Something new after the faults.
        case farewell
        case comparison
        /// A misused identity; nobody waits for its answer.
        case mischief
    }

    /// What a slot wants.
    struct Request {
        /// No other request has it.
        var number: Int
        var content: Content
        var purpose: Purpose
        /// Session, slot and sequence of a command that has them.
        var identity: (session: UInt64, slot: UInt32, sequence: UInt64)?
    }

    /// A step of the set-up.
    enum Step: Hashable {
        case openSession(client: Int)
        case createTenant(Int)
        case grant(tenant: Int)
        case createBucket(tenant: Int, bucket: Int)
    }

    /// One sending of a request to one node.
    struct Attempt: CustomStringConvertible {
        var client: Int
        var slot: Int
        var request: Int
        var content: Content
        var purpose: Purpose
        var node: Int

        var description: String {
            let what =
                switch content {
                case .command: "a command"
                case .query(let query, let tenant): "\(query.tag) of tenant \(tenant.value)"
                }
            return "\(what) of client \(client) for \(purpose)"
        }
    }

    var all: [Client] = []
    var attempts: [Attempt] = []
    /// What is left of the set-up, the next step last.
    var steps: [Step] = []
    /// The tenants' numbers, once they are made.
    var tenants: [TenantID]
    /// Requests given up; for the reach marks.
    var abandoned: [(session: UInt64, slot: UInt32, sequence: UInt64)] = []
    /// What is still to be compared at the end.
    var comparisons: [(client: Int, query: Query)] = []
    /// Entity tags used so far.
    var values = 0
    /// Requests so far.
    var requests = 0
    let scenario: Scenario
    /// For what is asked now and then, so that all else of a seed stays as near as can be to what it
    /// was.
    var workloadChance: Chance
    /// Whether some changes are made as one, and which.
    let hasBatches: Bool
    var batchChance: Chance
    /// What the tenants' values carry.
    let taint: Taint

    /// Clients as the scenario wants them.
    init(_ scenario: Scenario, seed: UInt64) {
        self.scenario = scenario
        workloadChance = Chance(seed: seed ^ 0x776F_726B_6C6F_6164)
        taint = Taint(tenants: scenario.tenants, &workloadChance)
        batchChance = Chance(seed: seed ^ 0x6261_7463_6865_7321)
        hasBatches = batchChance.oneIn(2)
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
    var isSetUp: Bool { steps.isEmpty && isQuiet }

    /// Nobody wants anything any more, and everybody has said farewell.
    var isIdle: Bool { isQuiet && all.dropFirst().allSatisfy(\.hasSaidFarewell) }

    /// No request is on the way.
    private var isQuiet: Bool {
        all.allSatisfy { client in
            !client.isRenewing && client.slots.allSatisfy { $0.request == nil }
        }
    }

    /// For the report of a cluster that does not go on.
    var condition: String {
        var lines: [String] = []
        for (place, client) in all.enumerated() {
            for slot in client.slots {
                guard let request = slot.request else { continue }
                lines.append(
                    "client \(place) waits for \(request.purpose), attempt \(slot.attempt) at node "
                        + "\(client.node + 1)"
                )
            }
            if place > 0, !client.hasSaidFarewell { lines.append("client \(place) has work left") }
        }
        return lines.joined(separator: ", ")
    }
}
