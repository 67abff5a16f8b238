"""The compiled part of the identity check: one pass over each structure, all structures in a loop."""

from __future__ import annotations

import numpy as np

from ..compiled import compiled

NOT_FINITE, OVERLAPPING, SKELETON, SITE, FREE_H, H2, APART, FLOWN = 1, 2, 4, 8, 16, 32, 64, 128
_ROUNDS = 8


@compiled
def _mix(x):
    """splitmix64: a well-mixed 64-bit integer from another."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@compiled
def colours(numbers, bonded):
    """Weisfeiler-Lehman colour of every atom of a heavy-atom graph: equal for atoms that the graph cannot tell apart.

    Args:
        numbers: (h,) atomic numbers. bonded: (h, h) bool.

    Returns:
        (h,) uint64.
    """
    h = len(numbers)
    colour = np.empty(h, np.uint64)
    for i in range(h):
        colour[i] = _mix(np.uint64(numbers[i]))
    new = np.empty(h, np.uint64)
    for _ in range(min(_ROUNDS, h)):
        for i in range(h):
            total = np.uint64(0)
            for j in range(h):
                if bonded[i, j]:
                    total += _mix(colour[j])
            new[i] = _mix(colour[i] ^ _mix(total))
        for i in range(h):  # numba compiles a loop in a tenth of the time of an assignment of arrays
            colour[i] = new[i]
    return colour


@compiled
def components(bonded):
    """(component index of each node, number of components), numbered by their lowest node."""
    h = len(bonded)
    index = np.full(h, -1, np.int64)
    stack = np.empty(h, np.int64)
    found = 0
    for start in range(h):
        if index[start] >= 0:
            continue
        index[start] = found
        stack[0], top = start, 1
        while top:
            top -= 1
            i = stack[top]
            for j in range(h):
                if bonded[i, j] and index[j] < 0:
                    index[j] = found
                    stack[top] = j
                    top += 1
        found += 1
    return index, found


@compiled
def component_colours(numbers, bonded, index, found):
    """Per-atom colours within each component, and one invariant per component."""
    h = len(numbers)
    colour = np.empty(h, np.uint64)
    invariant = np.zeros(found, np.uint64)
    members = np.empty(h, np.int64)
    for c in range(found):
        n = 0
        for i in range(h):
            if index[i] == c:
                members[n] = i
                n += 1
        z = np.empty(n, np.int64)
        b = np.zeros((n, n), np.bool_)
        for a in range(n):
            z[a] = numbers[members[a]]
            for d in range(n):
                b[a, d] = bonded[members[a], members[d]]
        part = colours(z, b)
        for a in range(n):
            colour[members[a]] = part[a]
            invariant[c] += _mix(part[a])
    return colour, invariant


@compiled
def _hydrogen_fits(f, c, index, colour, held, h, site_ptr, site_colour, site_low, site_high, low, high):
    """Whether component ``c`` holds its hydrogens where family ``f`` can have them."""
    total = 0
    for i in range(h):
        if index[i] != c:
            continue
        total += held[i]
        for s in range(site_ptr[f], site_ptr[f + 1]):
            if site_colour[s] == colour[i]:
                if held[i] < site_low[s] or held[i] > site_high[s]:
                    return False
    return low[f] <= total <= high[f]


@compiled
def _nearest(xyz, radius, z, heavy, i, skip, index):
    """The heavy atom nearest to ``i`` relative to covalent radii, outside component ``skip``: (slot, ratio)."""
    best, ratio = -1, np.inf
    for a in range(len(heavy)):
        if index[a] == skip and skip >= 0:
            continue
        j = heavy[a]
        d = np.sqrt((xyz[i, 0] - xyz[j, 0]) ** 2 + (xyz[i, 1] - xyz[j, 1]) ** 2 + (xyz[i, 2] - xyz[j, 2]) ** 2)
        r = d / (radius[z[i]] + radius[z[j]])
        if r < ratio:
            best, ratio = a, r
    return best, ratio


@compiled
def assign_all(
    xyz_all,
    z_all,
    ptr,
    covalent,
    bonding,
    vdw,
    factors,
    free,
    shared_gap,
    near_gap,
    overlap,
    contact,
    invariant,
    capacity,
    neutral,
    low,
    high,
    site_ptr,
    site_colour,
    site_low,
    site_high,
    expected_bonds,
):
    """Assign every atom of every structure; see :mod:`sampler.identify.assignment` for the meaning of all this.

    Args:
        xyz_all: (N, 3) Å. z_all: (N,). ptr: (B+1,).
        invariant, capacity, neutral, low, high: (F,) per family: skeleton invariant, number in the composition (-1: any),
            hydrogens of the neutral member, fewest and most hydrogens.
        site_ptr … site_high: hydrogens that each class of heavy atoms of a family can hold.
        expected_bonds: bonds of the composition (-1: unknown).

    Returns:
        owner (N,), molecule (N,), other (N,) and lean (N,) per atom; family, hydrogens, fragment (N,) per molecule, stored
        from ptr[b] on; molecules, status, shared, gap (B,).
    """
    n_all, b_all = len(z_all), len(ptr) - 1
    owner = np.full(n_all, -1, np.int64)
    molecule = np.full(n_all, -1, np.int64)
    other = np.full(n_all, -1, np.int64)
    lean = np.full(n_all, np.inf)
    family = np.full(n_all, -1, np.int64)
    hydrogens = np.zeros(n_all, np.int64)
    fragment = np.full(n_all, -1, np.int64)
    molecules = np.zeros(b_all, np.int64)
    status = np.zeros(b_all, np.int64)
    shared = np.zeros(b_all, np.int64)
    gap = np.zeros(b_all)
    families = len(invariant)
    left = np.empty(families, np.int64)

    for b in range(b_all):
        start, end = ptr[b], ptr[b + 1]
        xyz, z, n = xyz_all[start:end], z_all[start:end], end - start
        finite = True
        for i in range(n):
            if not (np.isfinite(xyz[i, 0]) and np.isfinite(xyz[i, 1]) and np.isfinite(xyz[i, 2])):
                finite = False
        if not finite:
            status[b] = NOT_FINITE
            continue
        for i in range(n):
            for j in range(i):
                limit = overlap * (covalent[z[i]] + covalent[z[j]])
                d2 = (xyz[i, 0] - xyz[j, 0]) ** 2 + (xyz[i, 1] - xyz[j, 1]) ** 2 + (xyz[i, 2] - xyz[j, 2]) ** 2
                if d2 < limit * limit:
                    status[b] |= OVERLAPPING

        h = 0
        for i in range(n):
            h += z[i] != 1
        heavy = np.empty(h, np.int64)
        light = np.empty(n - h, np.int64)
        h = 0
        for i in range(n):
            if z[i] != 1:
                heavy[h] = i
                h += 1
            else:
                light[i - h] = i
        ratio = np.full((h, h), np.inf)
        for a in range(h):
            for c in range(a):
                i, j = heavy[a], heavy[c]
                d = np.sqrt((xyz[i, 0] - xyz[j, 0]) ** 2 + (xyz[i, 1] - xyz[j, 1]) ** 2 + (xyz[i, 2] - xyz[j, 2]) ** 2)
                ratio[a, c] = ratio[c, a] = d / (bonding[z[i]] + bonding[z[j]])

        # skeletons: the first bond criterion under which all of them are found, else the plain one
        found, fits = 0, False
        index = np.zeros(h, np.int64)
        colour = np.zeros(h, np.uint64)
        mark = np.zeros(0, np.uint64)
        bonds = 0
        heavy_z, bonded = np.empty(h, np.int64), np.empty((h, h), np.bool_)
        for attempt in range(len(factors) + 1):
            bonds = 0
            for a in range(h):
                heavy_z[a] = z[heavy[a]]
                for c in range(h):
                    bonded[a, c] = ratio[a, c] < factors[attempt % len(factors)]
                    bonds += bonded[a, c]
            bonds //= 2
            index, found = components(bonded)
            colour, mark = component_colours(heavy_z, bonded, index, found)
            if attempt == len(factors):
                break
            for f in range(families):
                left[f] = capacity[f]
            fits = True
            for c in range(found):
                hit = False
                for f in range(families):
                    if mark[c] == invariant[f] and (capacity[f] < 0 or left[f] > 0):
                        left[f] -= 1
                        hit = True
                        break
                # families with equal skeletons share their capacity here; the hydrogens tell them apart below
                fits = fits and hit
            if fits:
                break
        if not fits:
            status[b] |= SKELETON

        # hydrogens: the nearest heavy atom, relative to covalent radii
        held = np.zeros(h, np.int64)
        tied = np.zeros(n - h, np.bool_)
        slot = np.full(n - h, -1, np.int64)
        nearest = np.full(n - h, -1, np.int64)
        rival = np.full(n - h, -1, np.int64)
        margin = np.full(n - h, np.inf)
        owned = 0
        for k in range(n - h):
            i = light[k]
            first, near = _nearest(xyz, covalent, z, heavy, i, -1, index)
            partner = np.inf
            for m in range(n - h):
                if m != k:
                    j = light[m]
                    d = np.sqrt(
                        (xyz[i, 0] - xyz[j, 0]) ** 2 + (xyz[i, 1] - xyz[j, 1]) ** 2 + (xyz[i, 2] - xyz[j, 2]) ** 2
                    )
                    partner = min(partner, d / (2 * covalent[1]))
            if partner < near and partner < free:
                status[b] |= H2
                continue
            if first < 0 or near > free:
                status[b] |= FREE_H
                continue
            owned += 1
            slot[k] = first
            second, far = _nearest(xyz, covalent, z, heavy, i, index[first], index)
            if second >= 0 and far - near < near_gap:
                nearest[k], rival[k], margin[k] = first, second, far - near
            if second >= 0 and far - near < shared_gap:
                tied[k] = True
                shared[b] += 1
            else:
                held[first] += 1

        # families of the components, judged without the shared protons first
        kin = np.full(found, -1, np.int64)
        for f in range(families):
            left[f] = capacity[f]
        for strict in range(2):
            for c in range(found):
                if kin[c] >= 0:
                    continue
                for f in range(families):
                    if mark[c] == invariant[f] and (capacity[f] < 0 or left[f] > 0):
                        if strict == 1 or _hydrogen_fits(
                            f, c, index, colour, held, h, site_ptr, site_colour, site_low, site_high, low, high
                        ):
                            kin[c] = f
                            left[f] -= 1
                            break

        # a shared proton goes to the molecule that is lower in charge without it, then to the later family, then to
        # the nearer, so that the label does not hang on the last digit of a distance; the clearest case first
        while True:
            k, most = -1, -1.0
            for m in range(n - h):
                if tied[m] and margin[m] > most:
                    k, most = m, margin[m]
            if k < 0:
                break
            tied[k] = False
            excess = np.zeros(2, np.int64)
            for side in range(2):
                c = index[slot[k]] if side == 0 else index[rival[k]]
                for a in range(h):
                    if index[a] == c:
                        excess[side] += held[a]
                if kin[c] >= 0:
                    excess[side] -= neutral[kin[c]]
            one, two = kin[index[slot[k]]], kin[index[rival[k]]]
            if excess[1] < excess[0] or (excess[1] == excess[0] and two > one):
                slot[k] = rival[k]
            held[slot[k]] += 1

        for c in range(found):
            if kin[c] < 0:
                status[b] |= SKELETON
            elif not _hydrogen_fits(
                kin[c], c, index, colour, held, h, site_ptr, site_colour, site_low, site_high, low, high
            ):
                status[b] |= SITE
        if expected_bonds >= 0 and 2 * (bonds + owned) < expected_bonds:
            status[b] |= FLOWN

        # fragments of the contact graph of the molecules
        for a in range(h):
            owner[start + heavy[a]] = heavy[a]
            molecule[start + heavy[a]] = index[a]
        for k in range(n - h):
            if slot[k] >= 0:
                owner[start + light[k]] = heavy[slot[k]]
                molecule[start + light[k]] = index[slot[k]]
            if rival[k] >= 0:
                other[start + light[k]] = index[nearest[k] if slot[k] == rival[k] else rival[k]]
                lean[start + light[k]] = margin[k]
        near_matrix = np.zeros((found, found), np.bool_)
        apart = np.full((found, found), np.inf)
        for i in range(n):
            p = molecule[start + i]
            if p < 0:
                continue
            for j in range(i):
                q = molecule[start + j]
                if q < 0 or p == q:
                    continue
                d = np.sqrt((xyz[i, 0] - xyz[j, 0]) ** 2 + (xyz[i, 1] - xyz[j, 1]) ** 2 + (xyz[i, 2] - xyz[j, 2]) ** 2)
                if d < apart[p, q]:
                    apart[p, q] = apart[q, p] = d
                if d < contact * (vdw[z[i]] + vdw[z[j]]):
                    near_matrix[p, q] = near_matrix[q, p] = True
        part, parts = components(near_matrix)
        if parts > 1:
            status[b] |= APART
            gap[b] = np.inf
            for p in range(found):
                for q in range(p):
                    if part[p] != part[q]:
                        gap[b] = min(gap[b], apart[p, q])
        molecules[b] = found
        for c in range(found):
            family[start + c] = kin[c]
            fragment[start + c] = part[c]
        for a in range(h):
            hydrogens[start + index[a]] += held[a]
    return owner, molecule, other, lean, family, hydrogens, fragment, molecules, status, shared, gap
