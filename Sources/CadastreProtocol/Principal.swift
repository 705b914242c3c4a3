/// Who asks, as the certificate said at the door.
///
/// Part of every command in the log.
package enum Principal: Hashable, Sendable {
    /// A node of the cluster itself: proposes ticks.
    case node(UInt64)
    /// Administers, and sees no object.
    case `operator`(name: [UInt8])
    /// Acts for the tenants that granted it.
    case service(name: [UInt8])
    /// Acts for its own tenant.
    case tenant(tenant: [UInt8], name: [UInt8])

    /// Its number in fixed layouts.
    var kind: UInt8 {
        switch self {
        case .node: 1
        case .operator: 2
        case .service: 3
        case .tenant: 4
        }
    }

    /// Appends the node's number and the sizes of the two names, 10 bytes.
    func appendNumberAndSizes(to bytes: inout [UInt8]) {
        switch self {
        case .node(let number):
            bytes.append(littleEndian: number)
            bytes.append(zeros: 2)
        case .operator(let name), .service(let name):
            bytes.append(zeros: 9)
            bytes.append(Self.size(of: name))
        case .tenant(let tenant, let name):
            bytes.append(zeros: 8)
            bytes.append(Self.size(of: tenant))
            bytes.append(Self.size(of: name))
        }
    }

    /// Appends the names.
    func appendNames(to bytes: inout [UInt8]) {
        switch self {
        case .node: break
        case .operator(let name), .service(let name): bytes.append(contentsOf: name)
        case .tenant(let tenant, let name):
            bytes.append(contentsOf: tenant)
            bytes.append(contentsOf: name)
        }
    }

    /// Puts together what a fixed layout holds.
    ///
    /// - Throws: `malformed` where the parts do not fit the kind.
    init(kind: UInt8, node: UInt64, tenant: [UInt8], name: [UInt8]) throws(ProtocolError) {
        switch kind {
        case 1:
            guard tenant.isEmpty, name.isEmpty else { throw Self.mismatch }
            self = .node(node)
        case 2:
            guard tenant.isEmpty, node == 0 else { throw Self.mismatch }
            self = .operator(name: name)
        case 3:
            guard tenant.isEmpty, node == 0 else { throw Self.mismatch }
            self = .service(name: name)
        case 4:
            guard node == 0 else { throw Self.mismatch }
            try Names.checkTenant(tenant)
            self = .tenant(tenant: tenant, name: name)
        default: throw .malformed("the kind of the principal is not known")
        }
        if kind != 1 { try Names.checkPrincipal(name) }
    }

    private static var mismatch: ProtocolError {
        .malformed("the principal's parts do not fit its kind")
    }

    private static func size(of name: [UInt8]) -> UInt8 {
        precondition(
            ProtocolLimits.nameSize.contains(name.count),
            "a principal's name of \(name.count) bytes was let in"
        )
        return UInt8(name.count)
    }
}

/// A tenant by number, never reused.
///
/// 0 is no tenant.
package struct TenantID: Hashable, Comparable, Sendable {
    /// The number.
    package let value: UInt64

    /// Names the tenant with this number.
    package init(_ value: UInt64) { self.value = value }

    /// Of commands that concern the cluster and not one tenant.
    package static let none = TenantID(0)

    /// By number.
    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

/// A bucket by number, never reused.
package struct BucketID: Hashable, Comparable, Sendable {
    /// The number.
    package let value: UInt64

    /// Names the bucket with this number.
    package init(_ value: UInt64) { self.value = value }

    /// By number.
    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}
